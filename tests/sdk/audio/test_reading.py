"""Decoding in blocks: bounded memory, limits, impossible headers."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from speakersdk.audio.waveform import file_blocks, read_audio
from speakersdk.errors import InvalidAudioError, UnreadableAudioError


def read(data: bytes) -> np.ndarray:
    return read_audio(io.BytesIO(data))


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_blocks_joined_are_the_whole(
    tmp_path: Path, rate_hz: int, channels: int, rng: np.random.Generator
) -> None:
    path = tmp_path / "long.flac"
    sf.write(path, rng.normal(0, 0.1, (300001, channels)), rate_hz)
    blocks = list(file_blocks(path))
    assert len(blocks) > 3
    assert min(map(len, blocks)) > 0
    np.testing.assert_array_equal(np.concatenate(blocks), read_audio(path))


# The highest resident memory; ru_maxrss would include that of the parent.
MEASURE = """
import re, sys
from pathlib import Path
from speakersdk.audio.waveform import file_blocks
import soundfile, soxr
def peak_kb():
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
before = peak_kb()
num = sum(len(block) for block in file_blocks(sys.argv[1]))
print(num, peak_kb() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak")
@pytest.mark.parametrize(("channels", "minutes"), [(1, 60), (32, 2)])
def test_memory_does_not_grow_with_the_length(tmp_path: Path, channels: int, minutes: int) -> None:
    path = tmp_path / "long.flac" if channels <= 8 else tmp_path / "long.wav"
    with sf.SoundFile(path, "w", 16000, channels, subtype="PCM_16") as file:
        for _ in range(minutes):
            file.write(np.zeros((60 * 16000, channels), np.int16))
    output = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True
    ).stdout
    num_samples, kilobytes = map(int, output.split())
    assert num_samples == minutes * 60 * 16000
    # The whole recording would take 230 MB or more. A block of 2^16 samples takes 0.5 MB as
    # float64, and a few of these exist at a time.
    assert kilobytes < 16 * 1024


def test_a_limit_counts_all_channels(encode: Callable[..., bytes], sound: np.ndarray) -> None:
    mono, stereo = encode("WAV"), encode("WAV", samples=np.stack([sound, sound], axis=1))
    assert len(read_audio(io.BytesIO(mono), limit_s=2.0)) == 32000
    assert len(read_audio(io.BytesIO(stereo), limit_s=4.0)) == 32000
    with pytest.raises(InvalidAudioError, match=r"at most 3.5 s .*\(2 channels\)"):
        read_audio(io.BytesIO(stereo), limit_s=3.5)


@pytest.mark.parametrize("rate_hz", [1, 100, 4999, 4_000_000])
def test_a_rate_that_is_none_is_named(rate_hz: int, encode: Callable[..., bytes]) -> None:
    data = encode("WAV", "PCM_16")
    lying = data[:24] + rate_hz.to_bytes(4, "little") + data[28:]
    with pytest.raises(UnreadableAudioError, match=f"a rate of {rate_hz} Hz"):
        read(lying)


def test_an_announced_length_takes_no_memory(encode: Callable[..., bytes]) -> None:
    # 24 h of 8 channels at 48 kHz in the header, 2 s in the file.
    data = bytearray(encode("FLAC", "PCM_16", rate_hz=48000))
    num = 24 * 3600 * 48000
    data[21] = data[21] & 0xF0 | num >> 32
    data[22:26] = (num & 0xFFFFFFFF).to_bytes(4, "big")
    with pytest.raises(UnreadableAudioError, match=r"of 4147200000 samples are missing"):
        read(bytes(data))


def test_a_failing_disk_is_an_error_of_the_file(encode: Callable[..., bytes]) -> None:
    class Failing(io.BytesIO):
        def read(self, num: int | None = -1) -> bytes:
            if self.tell() > 20000:
                raise OSError(5, "Input/output error")
            return super().read(num)

    with pytest.raises(UnreadableAudioError, match="Input/output error"):
        read_audio(Failing(encode("WAV", "PCM_16")))


def test_a_file_that_shrinks_while_it_is_read_is_truncated(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    path = tmp_path / "shrinking.wav"
    sf.write(path, rng.normal(0, 0.1, 300000), 16000, subtype="PCM_16")
    blocks = file_blocks(path)
    next(blocks)
    with path.open("r+b") as file:
        file.truncate(200000)
    with pytest.raises(UnreadableAudioError, match=r"\d+ of 300000 samples are missing"):
        list(blocks)


def test_a_file_that_grows_is_read_up_to_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "growing.wav"
    sf.write(path, np.zeros(200000), 16000, subtype="PCM_16")
    blocks = file_blocks(path)
    first = next(blocks)
    with path.open("ab") as file:
        file.write(bytes(100000))
    assert len(first) + sum(map(len, blocks)) == 200000


class Interrupted(io.BytesIO):
    """A file that Ctrl-C interrupts during one of its reads."""

    reads_until = 0

    def read(self, num: int | None = -1, /) -> bytes:
        self.reads_until -= 1
        if self.reads_until == 0:
            signal.raise_signal(signal.SIGINT)
        return super().read(num)


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3"])
def test_ctrl_c_ends_a_read_at_any_moment(
    form: str, encode: Callable[..., bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    whole = Interrupted(encode(form))
    read_audio(whole)
    for reads_until in range(1, 1 - whole.reads_until):
        file = Interrupted(whole.getvalue())
        file.reads_until = reads_until
        with pytest.raises(KeyboardInterrupt):
            read_audio(file)
    assert "Traceback" not in capfd.readouterr().err


def test_an_exception_of_a_file_object_reaches_the_caller(encode: Callable[..., bytes]) -> None:
    class Remote(io.BytesIO):
        def read(self, num: int | None = -1, /) -> bytes:
            if self.tell() > 20000:
                raise RuntimeError("the connection was lost")
            return super().read(num)

    with pytest.raises(RuntimeError, match="the connection was lost"):
        read_audio(Remote(encode("FLAC")))
