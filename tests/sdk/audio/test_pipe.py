"""Pipes: raw samples and WAV as they arrive, other formats once they are complete."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest

from speakersdk.audio.pipe import open_pipe
from speakersdk.audio.resampler import StreamResampler
from speakersdk.audio.waveform import as_waveform, read_audio
from speakersdk.errors import AudioError, ConfigError, UnreadableAudioError


class Pipe(io.RawIOBase):
    """Bytes that arrive in small and odd pieces, and cannot be read twice."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def readable(self) -> bool:
        return True

    def read(self, num: int = -1) -> bytes:
        num = min(num, 1001)
        taken, self._data = self._data[:num], self._data[num:]
        return taken


def streamed(data: bytes, rate_hz: float | None = None) -> np.ndarray:
    """The part of a pipe that a stream reads."""
    audio = open_pipe(Pipe(data), sample_rate_hz=rate_hz)
    resampler = StreamResampler()
    pieces = [resampler.push(block, sample_rate_hz=audio.sample_rate_hz) for block in audio.blocks]
    return np.concatenate([*pieces, resampler.finish()])


@pytest.mark.parametrize("encoding", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("container", ["WAV", "WAVEX"])
def test_wav_is_passed_on_as_it_comes(
    container: str, encoding: str, channels: int, sound: np.ndarray, encode: Callable[..., bytes]
) -> None:
    samples = np.stack([sound] * channels, axis=1)
    data = encode(container, encoding, samples=samples, rate_hz=44100)
    whole = read_audio(io.BytesIO(data))
    np.testing.assert_allclose(streamed(data), whole, atol=2**-23)  # 32 bits are read as float32
    audio = open_pipe(io.BytesIO(data), sample_rate_hz=44100.0)
    assert len(next(audio.blocks)) == 4410


@pytest.mark.parametrize("container", ["FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64", "RF64"])
def test_other_formats_are_decoded_once_they_are_complete(
    container: str, encode: Callable[..., bytes]
) -> None:
    data = encode(container, rate_hz=44100)
    np.testing.assert_array_equal(streamed(data), read_audio(io.BytesIO(data)))


@pytest.mark.parametrize("encoding", ["ULAW", "ALAW", "GSM610", "IMA_ADPCM"])
def test_compressed_wav_is_decoded_once_it_is_complete(
    encoding: str, encode: Callable[..., bytes]
) -> None:
    data = encode("WAV", encoding)
    np.testing.assert_array_equal(streamed(data), read_audio(io.BytesIO(data)))


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0x7FFFF024, 0xFFFFFFFF])
def test_wav_of_a_program_that_cannot_seek_back(size: int, encode: Callable[..., bytes]) -> None:
    data = encode("WAV", "PCM_16")
    lying = data[:40] + size.to_bytes(4, "little") + data[44:]
    np.testing.assert_array_equal(streamed(lying), read_audio(io.BytesIO(data)))


def test_chunks_around_the_samples_are_not_samples(encode: Callable[..., bytes]) -> None:
    data = encode("WAV", "PCM_16")
    more = b"LIST\x05\0\0\0INFOx\0"
    result = streamed(data[:36] + more + data[36:] + more)
    np.testing.assert_array_equal(result, read_audio(io.BytesIO(data)))


def test_missing_samples_are_counted(encode: Callable[..., bytes]) -> None:
    with pytest.raises(UnreadableAudioError, match=r"16000 of 64000 bytes .* missing \(25%\)"):
        streamed(encode("WAV", "PCM_16")[:-16000])
    with pytest.raises(UnreadableAudioError, match="before any audio arrived"):
        streamed(encode("WAV", "PCM_16")[:30])
    with pytest.raises(AudioError):
        streamed(encode("FLAC", "PCM_16")[:-1000])


@pytest.mark.parametrize("rate_hz", [None, 8000.0, 16000.0])
def test_raw_samples(rate_hz: float | None) -> None:
    samples = (9000 * np.sin(np.arange(20000) / 9)).astype("<i2")
    expected = as_waveform(samples, sample_rate_hz=rate_hz or 16000)
    np.testing.assert_array_equal(streamed(samples.tobytes() + b"\x01", rate_hz), expected)
    # The bytes of an MP3 header are samples like others where no frames follow.
    samples[0] = np.frombuffer(b"\xff\xfb", "<i2")[0]
    samples[1] = np.frombuffer(b"\x90\x64", "<i2")[0]
    expected = as_waveform(samples, sample_rate_hz=rate_hz or 16000)
    np.testing.assert_array_equal(streamed(samples.tobytes(), rate_hz), expected)
    assert streamed(b"\x00\x40").tolist() == [0.5]


@pytest.mark.parametrize("first", [(-1, 0), (-1, 1), (-1, 2), (0, 0, -1, 0), (-17, 3)])
def test_quiet_samples_are_not_taken_for_mp3(first: tuple[int, ...]) -> None:
    """They are the header of an MPEG frame without a size, and nearly everything was lost."""
    samples = (9000 * np.sin(np.arange(20000) / 9)).astype("<i2")
    samples[: len(first)] = first
    expected = as_waveform(samples, sample_rate_hz=16000)
    np.testing.assert_array_equal(streamed(samples.tobytes()), expected)


def test_an_mp3_that_begins_in_a_frame_is_not_taken_for_raw_samples(
    encode: Callable[..., bytes],
) -> None:
    """A client that joins a radio stream gets such bytes."""
    data = encode("MP3")[700:]
    assert data[:1] != b"\xff"
    np.testing.assert_array_equal(streamed(data), read_audio(io.BytesIO(data)))


@pytest.mark.parametrize("container", ["WAV", "FLAC", "OGG"])
@pytest.mark.parametrize("lead", [b"\n", b"\xef\xbb\xbf", bytes(4000)])
def test_a_header_that_comes_late_is_refused(
    container: str, lead: bytes, encode: Callable[..., bytes]
) -> None:
    with pytest.raises(UnreadableAudioError, match=rf"{len(lead)} bytes? in front of the header"):
        streamed(lead + encode(container))


@pytest.mark.parametrize("num_bytes", [0, 44])
def test_a_pipe_through_which_nothing_came_is_refused(
    num_bytes: int, encode: Callable[..., bytes]
) -> None:
    """The recorder before it failed: its silence is not a rejection."""
    data = encode("WAV", "PCM_16")[:num_bytes]
    unknown = data[:40] + b"\xff" * 4 if data else data  # the size, as ffmpeg writes it
    for came in (unknown, b"\x01"[: num_bytes + 1]):  # half a sample
        with pytest.raises(UnreadableAudioError, match="before any audio arrived; check the"):
            streamed(came)


def test_a_rate_that_is_not_the_headers_is_refused(encode: Callable[..., bytes]) -> None:
    with pytest.raises(ConfigError, match="the rate of the header, 16000 Hz, got 8000 Hz"):
        open_pipe(Pipe(encode("WAV")), sample_rate_hz=8000)


def test_a_frame_that_is_cut_at_the_end_is_left_out(encode: Callable[..., bytes]) -> None:
    """A file may lack a few bytes at its end, too."""
    pipe = io.BytesIO(encode("WAV")[:-1])
    whole = np.concatenate(list(open_pipe(io.BytesIO(encode("WAV")), sample_rate_hz=None).blocks))
    cut = np.concatenate(list(open_pipe(pipe, sample_rate_hz=None).blocks))
    np.testing.assert_array_equal(cut, whole[: len(cut)])
    assert len(whole) - len(cut) <= 1


@pytest.mark.parametrize("head", [b"RIFF\x24\0\0\0AVI LIST", b"\x89PNG\r\n\x1a\n\0\0\0\0"])
def test_other_files_are_not_taken_for_raw_samples(head: bytes) -> None:
    with pytest.raises(UnreadableAudioError, match="it is a"):
        open_pipe(io.BytesIO(head + bytes(1000)), sample_rate_hz=None)


def test_formats_that_cannot_be_decoded_are_named() -> None:
    with pytest.raises(UnreadableAudioError, match="MP4 container"):
        open_pipe(Pipe(b"\0\0\0\x1cftypM4A " + bytes(5000)), sample_rate_hz=None)
    with pytest.raises(UnreadableAudioError, match="a chunk of 4294967295 bytes"):
        open_pipe(Pipe(b"RIFF\0\0\0\0WAVELIST\xff\xff\xff\xff" + bytes(99)), sample_rate_hz=None)


@pytest.mark.parametrize(
    "container", ["NIST", "VOC", "IRCAM", "PAF", "AVR", "PVF", "MAT4", "MAT5", "SVX"]
)
def test_rare_formats_are_not_taken_for_raw_samples(
    container: str, encode: Callable[..., bytes]
) -> None:
    data = encode(container, "PCM_16")
    np.testing.assert_array_equal(streamed(data), read_audio(io.BytesIO(data)))


@pytest.mark.parametrize("text", [b"Connection refused\n", b"{}\n", b'{"error": "no such stream"}'])
def test_a_text_is_not_taken_for_raw_samples(text: bytes) -> None:
    with pytest.raises(UnreadableAudioError, match=r"begins with the text .*; check the program"):
        open_pipe(Pipe(text), sample_rate_hz=None)


@pytest.mark.parametrize("rate_hz", [0.0, 1.0, float("nan"), 1e9])
def test_what_is_not_a_rate_is_refused(rate_hz: float) -> None:
    with pytest.raises(ConfigError, match="expected sample_rate_hz between"):
        open_pipe(Pipe(bytes(100)), sample_rate_hz=rate_hz)


@pytest.mark.parametrize("between", [b"", b"LIST\x04\0\0\0INFO"])
def test_several_chunks_of_samples_are_read_one_after_the_other(
    between: bytes, encode: Callable[..., bytes]
) -> None:
    data = encode("WAV", "PCM_16")
    chunks = [b"data" + len(half).to_bytes(4, "little") + half for half in (data[44:94], data[94:])]
    several = data[:36] + chunks[0] + between + chunks[1] + between
    np.testing.assert_array_equal(streamed(several), streamed(data))


def test_a_header_of_two_formats_is_refused(encode: Callable[..., bytes]) -> None:
    data = encode("WAV", "PCM_16")
    with pytest.raises(UnreadableAudioError, match="describes two formats"):
        streamed(data[:36] + data[12:])


def test_joined_wav_files_are_read_one_after_the_other(
    sound: np.ndarray, encode: Callable[..., bytes]
) -> None:
    """The second file was read and dropped, and so were samples behind too small a size."""
    short = encode("WAV", "PCM_16", samples=sound[:160])
    tagged = short + b"LIST\x04\0\0\0INFO" + b"odd \x03\0\0\0abc\0"
    data = 700 * tagged + encode("WAV", "PCM_16")
    assert len(streamed(data)) == 700 * 160 + len(sound)
    other = encode("WAV", "PCM_16", samples=sound[:160], rate_hz=8000)
    for following in (other, encode("AIFF")):
        with pytest.raises(UnreadableAudioError, match="another format follows; send each"):
            streamed(short + following)


@pytest.mark.parametrize("container", ["MP3", "WAV", "FLAC", "AU", "NIST"])
@pytest.mark.parametrize("tag", [b"", b"TAG" + bytes(125), b"ID3\4\0\0\0\0\0\x10" + bytes(16)])
def test_a_file_behind_a_tag_is_not_lost(
    container: str, tag: bytes, sound: np.ndarray, encode: Callable[..., bytes]
) -> None:
    """An MP3, and any file behind a tag, was read and dropped."""
    wav = encode("WAV", "PCM_16")
    assert len(streamed(wav + tag)) == len(sound)
    if tag or container != "WAV":
        with pytest.raises(UnreadableAudioError, match=r"second file .*; send each by itself"):
            streamed(wav + tag + encode(container))


@pytest.mark.parametrize("num_bytes", [2, 1001, 16000, 63001])
def test_a_size_that_is_too_small_loses_nothing(
    num_bytes: int, encode: Callable[..., bytes]
) -> None:
    data = encode("WAV", "PCM_16")
    announced = data[:40] + num_bytes.to_bytes(4, "little") + data[44:]
    np.testing.assert_array_equal(streamed(announced), streamed(data))
