"""ID3v2 tags that declare too many or too few bytes: audio is neither skipped nor refused."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest

from speakersdk.audio.formats.id3 import behind_tags, tag_problem
from speakersdk.audio.waveform import read_audio
from speakersdk.errors import UnreadableAudioError

TITLE = b"TIT2\0\0\0\x05\0\0\0abcd" + bytes(100)


def read(data: bytes) -> np.ndarray:
    return read_audio(io.BytesIO(data))


def tag(content: bytes, declared: int, *, flags: int = 0) -> bytes:
    size = bytes(declared >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\4\0" + bytes([flags]) + size + content


def test_the_end_of_a_tag_is_what_it_declares() -> None:
    for data, expected in (
        (tag(TITLE, len(TITLE)), 10 + len(TITLE)),
        (tag(TITLE, len(TITLE)) * 2, 2 * (10 + len(TITLE))),
        (tag(TITLE, len(TITLE), flags=0x10) + bytes(10), 20 + len(TITLE)),  # with a footer
        (tag(b"", 5000), 5010),
        (b"fLaC", 0),
        (b"ID3", 0),
    ):
        assert behind_tags(io.BytesIO(data), 0, len(data)) == expected


def test_a_problem_says_how_much_of_a_tag_is_missing() -> None:
    assert "has 110 of 5010 bytes" in tag_problem(0, 5010, 110)
    assert "no audio of a known format follows" in tag_problem(0, 110, 5010)


# A frame has 144 bytes or less; 10 more is a size that counts the header of the tag, too.
@pytest.mark.parametrize("more", [-20, -5, 1, 10, 144, 300, 1000, 5000, 8990, 10**6])
@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("has_count", [True, False])
def test_frames_in_the_declared_size_of_a_tag_are_read(
    more: int, mode: str, has_count: bool, encode: Callable[..., bytes]
) -> None:
    mp3 = encode("MP3", bitrate_mode=mode)
    if not has_count:
        mp3 = mp3[mp3.index(mp3[:2], 48) :]  # without the first frame, which has the count
    tagged = tag(TITLE, len(TITLE) + more) + mp3
    np.testing.assert_array_equal(read(tagged), read(mp3))
    np.testing.assert_array_equal(read(mp3 + tagged), np.tile(read(mp3), 2))


def test_missing_frames_are_counted_behind_a_tag_that_is_too_large(
    encode: Callable[..., bytes],
) -> None:
    mp3 = encode("MP3")
    cut = mp3[: mp3.index(mp3[:2], len(mp3) // 2)]
    with pytest.raises(UnreadableAudioError, match=r"\d+ of \d+ frames are missing"):
        read(tag(TITLE, len(TITLE) + 1000) + cut)


@pytest.mark.parametrize("container", ["WAV", "AIFF", "FLAC", "OGG"])
@pytest.mark.parametrize("more", [-20, 10, 1000, 10**6])
def test_a_header_in_the_declared_size_of_a_tag_is_found(
    container: str, more: int, encode: Callable[..., bytes]
) -> None:
    tagged = tag(TITLE, len(TITLE) + more) + encode(container)
    np.testing.assert_array_equal(read(tagged), read(encode(container)))


def test_a_file_that_is_cut_in_its_tag_says_how_much_is_missing() -> None:
    with pytest.raises(UnreadableAudioError, match="has 121 of 5010 bytes; the audio that"):
        read(tag(TITLE, 5000)[:121])
    with pytest.raises(UnreadableAudioError, match=r"it is AAC \(ADTS\)"):
        read(tag(TITLE, len(TITLE)) + b"\xff\xf1\x50\x80\x2e\x7f\xfc" + bytes(200))
    with pytest.raises(UnreadableAudioError, match="no audio of a known format follows its ID3"):
        read(tag(TITLE, len(TITLE)) + bytes(range(200)))
