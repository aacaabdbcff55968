"""Cut files of rarer formats are detected by what their headers announce."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest

from speakersdk.audio.waveform import read_audio
from speakersdk.errors import AudioError, UnreadableAudioError

FORMATS = [
    ("NIST", "PCM_16"), ("NIST", "PCM_24"), ("NIST", "ULAW"), ("VOC", "PCM_16"), ("VOC", "PCM_U8"),
    ("VOC", "ULAW"), ("MAT4", "PCM_16"), ("MAT4", "DOUBLE"), ("MAT5", "PCM_16"), ("MAT5", "FLOAT"),
    ("AVR", "PCM_16"), ("AVR", "PCM_U8"), ("WVE", "ALAW"), ("MPC2K", "PCM_16"), ("SVX", "PCM_16"),
    ("SVX", "PCM_S8"),
]  # fmt: skip


@pytest.mark.parametrize(("container", "encoding"), FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kept", [0.5, 0.99])
def test_a_file_that_is_cut_is_refused(
    container: str, encoding: str, channels: int, kept: float, sound: np.ndarray,
    encode: Callable[..., bytes],
) -> None:  # fmt: skip
    if channels == 2 and (container in {"WVE", "SVX"} or (container, encoding) == ("VOC", "ULAW")):
        channels = 1  # all they hold
    samples = np.stack([sound] * channels, axis=1)
    rate_hz = 8000 if container == "WVE" else 16000
    data = encode(container, encoding, samples=samples, rate_hz=rate_hz)
    whole = read_audio(io.BytesIO(data))
    assert abs(len(whole) - len(sound) * 16000 / rate_hz) <= 600  # VOC's 8-bit rates are rounded
    with pytest.raises(UnreadableAudioError, match=r"truncated: \d+ of \d+ bytes .*missing"):
        read_audio(io.BytesIO(data[: int(kept * len(data))]))


def test_big_endian_matrices(encode: Callable[..., bytes]) -> None:
    for container in ("MAT4", "MAT5"):
        data = encode(container, "PCM_16", endian="BIG")
        assert len(read_audio(io.BytesIO(data))) == 32000
        with pytest.raises(UnreadableAudioError, match=r"\(50%\)"):
            read_audio(io.BytesIO(data[: len(data) // 2]))


def test_a_header_that_announces_too_little_loses_nothing(encode: Callable[..., bytes]) -> None:
    data = encode("NIST", "PCM_16")
    for count in (b"0    ", b"100  "):
        lying = data.replace(b"sample_count -i 32000", b"sample_count -i " + count)
        assert len(read_audio(io.BytesIO(lying))) == 32000


@pytest.mark.parametrize(("container", "encoding"), FORMATS)
def test_a_header_that_is_cut_is_refused(
    container: str, encoding: str, encode: Callable[..., bytes]
) -> None:
    data = encode(container, encoding, rate_hz=8000)
    for num in range(1, 60):
        with pytest.raises(AudioError):
            read_audio(io.BytesIO(data[:num]))


def test_voc_of_several_blocks_is_refused_and_of_one_is_read(encode: Callable[..., bytes]) -> None:
    """Block headers would be decoded as samples. SoX announces 8 bytes too few."""
    data = encode("VOC", "PCM_16")
    at = int.from_bytes(data[20:22], "little")
    size = int.from_bytes(data[at + 1 : at + 4], "little")
    short = data[: at + 1] + (size - 8).to_bytes(3, "little") + data[at + 4 :]
    assert len(read_audio(io.BytesIO(short))) == 32000
    more = b"\x02" + (1000).to_bytes(3, "little") + bytes(1000)
    end = at + 4 + size
    with pytest.raises(UnreadableAudioError, match="VOC file of several blocks"):
        read_audio(io.BytesIO(data[:end] + more + b"\0"))
