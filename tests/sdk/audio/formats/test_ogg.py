"""Ogg files: chained, cut, damaged."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest

from speakersdk.audio.formats.ogg import _checksum
from speakersdk.audio.waveform import read_audio
from speakersdk.errors import UnreadableAudioError

ENCODINGS = ["VORBIS", "OPUS"]


def read(data: bytes) -> np.ndarray:
    return read_audio(io.BytesIO(data))


def pages(data: bytes) -> list[bytes]:
    found = data.split(b"OggS")[1:]
    assert len(found) > 3
    return [b"OggS" + page for page in found]


@pytest.fixture(params=ENCODINGS)
def ogg(request: pytest.FixtureRequest, encode: Callable[..., bytes], sound: np.ndarray) -> bytes:
    return encode("OGG", request.param, samples=np.tile(sound, 5))


def test_chained_streams_are_read_one_after_the_other(ogg: bytes) -> None:
    expected = read(ogg)
    np.testing.assert_array_equal(read(ogg * 3), np.tile(expected, 3))
    np.testing.assert_array_equal(read(ogg + b"TAG" + bytes(125)), expected)


def test_chained_streams_of_other_codecs_and_rates(
    sound: np.ndarray, encode: Callable[..., bytes]
) -> None:
    parts = [
        encode("OGG", "VORBIS"),
        encode("OGG", "OPUS"),
        encode("OGG", "VORBIS", samples=np.stack([sound, sound], axis=1), rate_hz=44100),
    ]
    expected = np.concatenate([read(part) for part in parts])
    np.testing.assert_array_equal(read(b"".join(parts)), expected)


def test_a_page_that_is_cut_is_missing_audio(ogg: bytes) -> None:
    for kept in (0.3, 0.6, 0.99):
        with pytest.raises(UnreadableAudioError, match=r"last page has \d+ of \d+ bytes"):
            read(ogg[: int(kept * len(ogg))])


def test_a_killed_recorder_that_wrote_whole_pages_loses_nothing(ogg: bytes) -> None:
    kept = b"".join(pages(ogg)[:-1])
    expected = read(ogg)
    result = read(kept)
    assert 0 < len(result) < len(expected)
    np.testing.assert_allclose(result, expected[: len(result)], atol=1e-6)


def test_pages_that_are_missing_or_damaged_are_found(ogg: bytes) -> None:
    all_pages = pages(ogg)
    with pytest.raises(UnreadableAudioError, match="1 page missing"):
        read(b"".join([*all_pages[:-2], all_pages[-1]]))
    damaged = bytearray(ogg)
    damaged[-100] ^= 1
    with pytest.raises(UnreadableAudioError, match="checksum of the page"):
        read(bytes(damaged))
    with pytest.raises(UnreadableAudioError, match="no Ogg page"):
        read(b"".join([*all_pages[:-1], b"junk", all_pages[-1]]))


def with_serial(pages_before: list[bytes], serial: int) -> list[bytes]:
    """Return the pages of a stream with another serial number, and their checksums."""
    changed = []
    for page in pages_before:
        bare = page[:14] + serial.to_bytes(4, "little") + page[18:22] + bytes(4) + page[26:]
        changed.append(bare[:22] + _checksum(bare).to_bytes(4, "little") + bare[26:])
    return changed


def mixed(*streams: list[bytes]) -> bytes:
    """Mix streams: all first pages, then the other pages in turn."""
    longest = max(map(len, streams))
    return b"".join(
        stream[number] for number in range(longest) for stream in streams if number < len(stream)
    )


def text_stream() -> list[bytes]:
    """Return a stream of subtitles: two pages of one packet each."""
    made = []
    for number, packet in enumerate((b"\x80kate\0\0\0" + bytes(56), b"\x7f")):
        flags = bytes([2 if number == 0 else 4])
        head = b"OggS\0" + flags + bytes(12) + number.to_bytes(4, "little") + bytes(4)
        made.append(head + bytes([1, len(packet)]) + packet)
    return with_serial(made, 9)


def test_audio_streams_that_are_mixed_are_refused(
    sound: np.ndarray, encode: Callable[..., bytes]
) -> None:
    """Only the first one was read: the second microphone of a call was lost without a message."""
    first = with_serial(pages(encode("OGG", "VORBIS", samples=np.tile(sound, 5))), 1)
    for codec in ENCODINGS:
        second = with_serial(pages(encode("OGG", codec, samples=np.tile(sound[::-1], 5))), 2)
        for data in (mixed(first, second), mixed(second, first)):
            with pytest.raises(UnreadableAudioError, match=r"several audio streams .* -map 0:a:0"):
                read(data)
        with pytest.raises(UnreadableAudioError, match="several audio streams"):
            read(b"".join(first) + mixed(first, second))
        late = [*first[:4], *second[:3], *first[4:], *second[3:]]  # begins after pages of the first
        with pytest.raises(UnreadableAudioError, match="a stream whose beginning is missing"):
            read(b"".join(late))


def test_an_audio_stream_with_subtitles_is_read(ogg: bytes) -> None:
    np.testing.assert_array_equal(read(mixed(with_serial(pages(ogg), 1), text_stream())), read(ogg))
