"""MP3 files without headers and with wrong ones, joined and cut."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from speakersdk.audio.waveform import read_audio
from speakersdk.errors import UnreadableAudioError

# Decoders add their delay and up to a frame of padding where no tag states their length; the second
# frame of the file of the tag decodes to the same.
FRAME_SAMPLES = {16000: 576, 44100: 1152}
MODES = {"CONSTANT": 0.5, "VARIABLE": 0.3}


def read(data: bytes) -> np.ndarray:
    return read_audio(io.BytesIO(data))


def without_tag(data: bytes) -> bytes:
    """Return the file without its first frame, which contains only the Xing or Info tag."""
    assert any(tag in data[:100] for tag in (b"Xing", b"Info"))
    return data[data.index(data[:2], 48) :]


@pytest.fixture(params=MODES)
def mp3(request: pytest.FixtureRequest, encode: Callable[..., bytes]) -> bytes:
    return encode(
        "MP3",
        "MPEG_LAYER_III",
        bitrate_mode=request.param,
        compression_level=MODES[request.param],
    )


def close(result: np.ndarray, expected: np.ndarray) -> None:
    """Return whether two sounds are the same, except for what a decoder adds at both ends."""
    assert 0 <= len(result) - len(expected) <= 4 * FRAME_SAMPLES[16000]
    lags = range(len(result) - len(expected) + 1)
    best = min(lags, key=lambda lag: np.abs(result[lag : lag + 4000] - expected[:4000]).sum())
    part = slice(4000, len(expected) - 4000)  # the ends differ: no frame before, none after
    np.testing.assert_allclose(result[best:][part], expected[part], atol=1e-4)


def test_a_file_without_a_tag_is_read_whole(mp3: bytes) -> None:
    close(read(without_tag(mp3)), read(mp3))


@pytest.mark.parametrize("rate_hz", [8000, 22050, 32000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("mode", ["CONSTANT", "AVERAGE", "VARIABLE"])
def test_all_rates_and_modes_without_a_tag(
    rate_hz: int, channels: int, mode: str, encode: Callable[..., bytes], rng: np.random.Generator
) -> None:
    samples = np.stack([rng.normal(0, 0.05, 3 * rate_hz)] * channels, axis=1)
    data = encode(
        "MP3", "MPEG_LAYER_III", samples=samples, rate_hz=rate_hz, bitrate_mode=mode,
        compression_level=0.5,
    )  # fmt: skip
    assert len(read(data)) == 3 * 16000
    untagged = read(without_tag(data))
    # The delay of encoder and decoder, and padding to a frame.
    assert 0 < len(untagged) / 16000 - 3 < 4 * 1152 / rate_hz


def test_joined_files_are_read_one_after_the_other(mp3: bytes) -> None:
    expected = read(mp3)
    np.testing.assert_array_equal(read(mp3 + mp3), np.concatenate([expected] * 2))
    tags = b"TAG" + bytes(125) + b"ID3\x04\0\0\0\0\0\x0a" + bytes(10)
    np.testing.assert_array_equal(read(tags[128:] + mp3 + tags + mp3), np.tile(expected, 2))
    bare = without_tag(mp3)
    assert len(read(bare + bare)) == 2 * len(read(bare))
    assert len(read(mp3 + bare)) == len(expected) + len(read(bare))


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
def test_missing_frames_are_counted(mp3: bytes, kept: float) -> None:
    bare = without_tag(mp3)
    second = len(mp3) - len(bare)
    if kept < 0.99:  # cut at the end of a frame: only the tag reveals it
        cut = mp3[: mp3.index(bare[:2], second + int(kept * len(bare)))]
        with pytest.raises(UnreadableAudioError, match=r"\d+ of \d+ frames are missing"):
            read(cut)
    with pytest.raises(UnreadableAudioError, match=r"its last frame has \d+ of \d+ bytes"):
        read(bare[: int(kept * len(bare)) + 1])


def test_damage_in_the_middle_is_found(mp3: bytes) -> None:
    bare = without_tag(mp3)
    middle = bare.index(bare[:2], len(bare) // 2)
    with pytest.raises(UnreadableAudioError, match="are not MPEG frames"):
        read(bare[:middle] + bytes(range(100)) + bare[middle:])


def test_a_false_header_hides_no_frames(mp3: bytes) -> None:
    """The first bytes that look like a header decided: those behind them were lost silently."""
    bare = without_tag(mp3)
    middle = bare.index(bare[:2], len(bare) // 2)
    junk = b"\1\2\3" + bare[:4] + bytes(range(1, 200)) * 4
    with pytest.raises(UnreadableAudioError, match=f"{len(junk)} bytes .* are not MPEG frames"):
        read(bare[:middle] + junk + bare[middle:])
    tag = b"APETAGEX" + junk[3:]
    np.testing.assert_array_equal(read(mp3 + tag + mp3), np.tile(read(mp3), 2))


class CountedFile(io.BytesIO):
    """A file that counts its reads."""

    num_reads = 0

    def read(self, num: int | None = -1) -> bytes:
        self.num_reads += 1
        return super().read(num)


@pytest.mark.parametrize("head", ["frames", "tag"])
def test_a_file_full_of_false_headers_is_searched_once(mp3: bytes, head: str) -> None:
    """Each of them was followed by a search of 2 kB: a file of 1 MB took minutes."""
    beginning = without_tag(mp3) if head == "frames" else b"ID3\4\0\0\0\0\0\x10" + bytes(16)
    sizes = (2**16, 2**18)
    reads = []
    for num in sizes:
        file = CountedFile(beginning + b"\1" + b"\xff\xfb\x90\0" * num)
        if head == "frames":
            read_audio(file)
        else:
            with pytest.raises(UnreadableAudioError, match="no audio of a known format"):
                read_audio(file)
        reads.append(file.num_reads)
    assert max(reads) < 2 * min(reads)


def test_a_tag_after_the_last_frame_is_not_audio(mp3: bytes) -> None:
    expected = read(mp3)
    for tag in (b"TAG" + b"x" * 125, b"APETAGEX" + b"y" * 40, bytes(5000)):
        np.testing.assert_array_equal(read(mp3 + tag), expected)


@pytest.mark.parametrize(
    "junk", [bytes(1), bytes(5000), b"\xff\xfb\x90" * 40], ids=["zero", "padding", "cut frame"]
)
@pytest.mark.parametrize("tag", [b"", b"ID3\4\0\0\0\0\0\x10" + bytes(16)], ids=["no tag", "tag"])
def test_bytes_before_the_first_frame_are_skipped(mp3: bytes, junk: bytes, tag: bytes) -> None:
    np.testing.assert_array_equal(read(tag + junk + mp3), read(mp3))


def test_a_tag_that_counts_wrongly_loses_nothing(encode: Callable[..., bytes]) -> None:
    mp3 = encode("MP3", bitrate_mode="VARIABLE")
    at = max(mp3.find(b"Xing"), mp3.find(b"Info")) + 8
    assert at > 8
    for count in (0, 1, 10):
        wrong = mp3[:at] + count.to_bytes(4, "big") + mp3[at + 4 :]
        # Without a tag, the decoder's delay stays: three frames at most.
        assert 32000 <= len(read(wrong)) < 32000 + 3 * 1152


def test_a_picture_of_megabytes_is_not_audio(mp3: bytes) -> None:
    """A tag is skipped even if it is full of bytes that look like frames."""
    num_bytes = 10**6
    size = bytes(num_bytes >> shift & 127 for shift in (21, 14, 7, 0))
    picture = b"\xff\xfb\x90\x00" * (num_bytes // 4)
    np.testing.assert_array_equal(read(b"ID3\3\0\0" + size + picture + mp3), read(mp3))


def test_an_mp3_is_read_from_bytes_as_from_its_path(
    encode: Callable[..., bytes], sound: np.ndarray, tmp_path: Path
) -> None:
    """earthspecies/alp-data#202: an MP3 that plays everywhere was not recognized in a BytesIO.

    A decoder that knows the suffix searches for the first frame; one without a name does not. The
    frames are found here, whatever the name of the file and whatever comes before them.
    """
    padded = b"ID3\4\0\0\0\0\0\x40" + bytes(64) + bytes(700) + encode("MP3")
    for name in ("probe.mp3", "probe", "probe.wav", "probe.raw"):
        path = tmp_path / name
        path.write_bytes(padded)
        (tmp_path / f"._{name}").write_bytes(b"\0\5\x16\7" + bytes(78))  # from a Mac
        expected = read_audio(path)
        assert abs(len(expected) - len(sound)) < 1152
        np.testing.assert_array_equal(read_audio(io.BytesIO(padded)), expected)
        with path.open("rb") as file:
            np.testing.assert_array_equal(read_audio(file), expected)


def test_joined_files_of_different_rates_are_read_one_after_the_other() -> None:
    noise = 0.1 * np.random.default_rng(1).standard_normal(32000)
    files = []
    for rate_hz in (44100, 16000):
        file = io.BytesIO()
        sf.write(file, noise, rate_hz, format="MP3", subtype="MPEG_LAYER_III")
        files.append(file.getvalue())
    parts = [read(data) for data in files]
    assert len(read(b"".join(files))) == sum(map(len, parts))
