"""Audio from a pipe that is still being written.

Raw samples and WAV are decoded as they arrive, other formats after the end of the pipe.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from speakersdk.audio.channels import MIX
from speakersdk.audio.formats.beginnings import begins_file
from speakersdk.audio.formats.chunks import COUNTED_HEADER_BYTES, is_trailer, layout_of
from speakersdk.audio.formats.containers import foreign_format, holds_audio
from speakersdk.audio.formats.mpeg import are_frames
from speakersdk.audio.input_file import BinaryReader
from speakersdk.audio.samples import SAMPLE_RATE_HZ, check_rate, header_rate_problem
from speakersdk.audio.waveform import file_blocks
from speakersdk.errors import ConfigError, UnreadableAudioError
from speakersdk.text import counted

_LABEL: Final = "the pipe"
_NO_SAMPLES: Final = "it ended before any audio arrived; check the program that writes to it"
_ANOTHER: Final = "a second file of another format follows; send each by itself"
_BEHIND_TAG: Final = "a second file follows behind a tag; send each by itself"
_BLOCK_S: Final = 0.1
_READ_BYTES: Final = 2**16
_HEAD_BYTES: Final = 16
# Raw samples may look like an MP3 frame, but not like a sequence of frames. 0.26 s at 16 kHz.
_BEGINNING_BYTES: Final = 2**13
# Headers that are not at the beginning, where the first bytes are lost or of another program.
_LATE_HEADER: Final = re.compile(rb"RIFF.{4}WAVE|OggS\0|fLaC\0\0\0\x22", re.DOTALL)
_MAGICS: Final = (
    b"fLaC", b"OggS", b"ID3", b".snd", b"NIST_1A", b"Creative Voice F", b" paf", b"fap ", b"2BIT",
    b"PVF1", b"ALawSoundFile**", b"MATLAB 5.0", b"\x64\xa3\x01\x00", b"\x64\xa3\x02\x00",
    b"\x64\xa3\x03\x00", b"\x64\xa3\x04\x00", b"\x00\x01\xa3\x64", b"\x00\x02\xa3\x64",
    b"APETAGEX", b"\0\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0", b"\0\0\x03\xe8\0\0\0\1\0\0\0\1\0\0\0\0",
)  # fmt: skip
# Raw samples are not printable for 16 bytes: the probability of random bytes is 1e-7, and a quiet
# beginning has zeros.
_TEXT: Final = re.compile(rb"[\t\r\n -~]+")
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
# (is float, bits) -> NumPy dtype; 24 bits are widened to 32.
_TYPES: Final = {
    (False, 8): "|u1",
    (False, 16): "<i2",
    (False, 24): "<i4",
    (False, 32): "<i4",
    (True, 32): "<f4",
    (True, 64): "<f8",
}
_HEADER_BYTES: Final = 2**26  # maximum size of a chunk before the samples; pictures are smaller
# Sizes that mean "unknown": 0 from a writer that cannot seek, or nearly 2 or 4 GiB.
_UNKNOWN_BYTES: Final = 0x7FFF_0000


@dataclass(frozen=True, slots=True)
class PipeAudio:
    """Blocks of (n,) or (n, channels) samples of any type, and their sample rate."""

    sample_rate_hz: float
    blocks: Iterator[npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class _WavFormat:
    sample_rate_hz: int
    channels: int
    bits: int
    dtype: str


def open_pipe(pipe: BinaryReader, *, sample_rate_hz: float | None) -> PipeAudio:
    """Read a pipe: a file of any format, or raw little-endian 16-bit mono samples.

    Args:
        pipe: the pipe, open for reading bytes.
        sample_rate_hz: sample rate of raw samples; None means 16 kHz.

    Raises:
        ConfigError: `sample_rate_hz` is not a sample rate, or not that of the header.
        UnreadableAudioError: nothing came, the format cannot be decoded or the header is damaged;
            while reading blocks, audio is missing or of another format than before.
    """
    if sample_rate_hz is not None:
        check_rate(sample_rate_hz)
    head = _read(pipe, _HEAD_BYTES)
    if not head:
        raise UnreadableAudioError(_LABEL, _NO_SAMPLES)
    if layout_of(head) is not None and head[:4] == b"RIFF":
        consumed, wav = _read_wav_header(pipe, head)
        if wav is not None:
            _check_rate(wav.sample_rate_hz, sample_rate_hz)
            size = int.from_bytes(consumed[-4:], "little")
            return PipeAudio(wav.sample_rate_hz, _not_empty(_wav_blocks(pipe, wav, size)))
        head = consumed
    elif reason := foreign_format(io.BytesIO(head), 0, ""):
        raise UnreadableAudioError(_LABEL, reason)
    is_file = head.startswith(_MAGICS) or layout_of(head[:_HEAD_BYTES]) is not None
    if not is_file and _TEXT.fullmatch(head):
        raise UnreadableAudioError(
            _LABEL,
            f"it begins with the text {head.decode('ascii')!r}; check the program that writes to "
            "it",
        )
    if not is_file:
        head += _read(pipe, _BEGINNING_BYTES - len(head))
        is_file = are_frames(head)
    if is_file:
        blocks = recut(file_blocks(_Rejoined(head, pipe), channel=MIX))
        return PipeAudio(SAMPLE_RATE_HZ, blocks)
    if late := _LATE_HEADER.search(head):
        raise UnreadableAudioError(
            _LABEL,
            f"it has {counted(late.start(), 'byte')} in front of the header of a file; send "
            "only the file",
        )
    rate_hz = float(SAMPLE_RATE_HZ) if sample_rate_hz is None else sample_rate_hz
    return PipeAudio(rate_hz, _not_empty(_raw_blocks(_Rejoined(head, pipe), rate_hz)))


def _not_empty(blocks: Iterator[npt.NDArray[Any]]) -> Iterator[npt.NDArray[Any]]:
    """Yield the blocks; raise UnreadableAudioError if they have no samples.

    A program that fails may have written a header.
    """
    num_samples = 0
    for block in blocks:
        num_samples += len(block)
        yield block
    if num_samples == 0:
        raise UnreadableAudioError(_LABEL, _NO_SAMPLES)


def recut(blocks: Iterator[npt.NDArray[np.float32]]) -> Iterator[npt.NDArray[np.float32]]:
    """Cut a recording into blocks of 0.1 s, like those of a pipe."""
    step, rest = round(_BLOCK_S * SAMPLE_RATE_HZ), np.zeros(0, np.float32)
    for block in blocks:
        rest = np.concatenate([rest, block])
        whole = len(rest) - len(rest) % step
        yield from rest[:whole].reshape(-1, step)
        rest = rest[whole:]
    if len(rest):
        yield rest


class _Rejoined:
    """A pipe whose first bytes were already read."""

    name = _LABEL

    def __init__(self, head: bytes, pipe: Any) -> None:
        is_nested = isinstance(pipe, _Rejoined)
        self._head: bytes = head + pipe._head if is_nested else head
        self._pipe: Any = pipe._pipe if is_nested else pipe

    def read(self, num: int) -> bytes:
        taken, self._head = self._head[:num], self._head[num:]
        return taken + self._pipe.read(num - len(taken)) if len(taken) < num else taken


def _read(pipe: Any, num: int) -> bytes:
    """Read `num` bytes, fewer only at the end."""
    data = b""
    while len(data) < num and (more := pipe.read(num - len(data))):
        data += more
    return data


def _check_rate(header_hz: int, asked_hz: float | None) -> None:
    if asked_hz is not None and asked_hz != header_hz:
        raise ConfigError(
            f"expected the rate of the header, {header_hz} Hz, got {asked_hz:g} Hz; leave it out"
        )
    if (problem := header_rate_problem(header_hz)) is not None:
        raise UnreadableAudioError(_LABEL, problem)


def _read_wav_header(pipe: Any, head: bytes) -> tuple[bytes, _WavFormat | None]:
    """Read the bytes before the first sample, and the format; None if it is not PCM."""
    consumed, wav = head + _read(pipe, 4), None
    position = 12
    while True:
        name, size = consumed[position : position + 4], consumed[position + 4 : position + 8]
        if len(size) < 4:
            raise UnreadableAudioError(_LABEL, _NO_SAMPLES)
        if name == b"data":
            return consumed, wav
        num_bytes = int.from_bytes(size, "little")
        if num_bytes > _HEADER_BYTES:
            raise UnreadableAudioError(_LABEL, f"its header holds a chunk of {num_bytes} bytes")
        content = _read(pipe, num_bytes + num_bytes % 2)
        if name == b"fmt " and wav is not None:
            raise UnreadableAudioError(_LABEL, "its header describes two formats of samples")
        if name == b"fmt ":
            wav = _wav_format(content)
        if wav is not None and name not in (b"fmt ", b"fact"):
            consumed = consumed[:position]  # only a decoder would need this chunk
        else:
            consumed += content
        position = len(consumed)
        consumed += _read(pipe, 8)


def _wav_format(content: bytes) -> _WavFormat | None:
    numbers = np.frombuffer(content[:16].ljust(16, b"\0"), "<u2").astype(int).tolist()
    encoding, channels, bits = numbers[0], numbers[1], numbers[7]
    rate_hz = numbers[2] | numbers[3] << 16
    if encoding == _EXTENSIBLE and len(content) >= 26:
        encoding = int.from_bytes(content[24:26], "little")
    dtype = _TYPES.get((encoding == _FLOAT, bits)) if encoding in (_PCM, _FLOAT) else None
    if dtype is None or channels == 0 or numbers[6] != channels * bits // 8:
        return None
    return _WavFormat(rate_hz, channels, bits, dtype)


def _wav_blocks(pipe: Any, wav: _WavFormat, size: int) -> Iterator[npt.NDArray[Any]]:
    """Yield the announced samples and what follows them, or all to the end if none are announced.

    Args:
        pipe: the pipe, at the first sample.
        wav: the format of the samples.
        size: announced size in bytes.
    """
    frame_bytes = wav.channels * wav.bits // 8
    step = frame_bytes * max(1, round(_BLOCK_S * wav.sample_rate_hz))
    more: tuple[_Rejoined, int] | None = _Rejoined(b"", pipe), size
    while more is not None:
        pipe, size = more
        rest = b""
        left: float = size if 0 < size < _UNKNOWN_BYTES else float("inf")
        while left > 0 and (data := _read(pipe, int(min(step, left)))):
            left -= len(data)
            whole = len(data) - len(data) % frame_bytes
            rest = data[whole:]
            yield _decoded(data[:whole], wav)
        if COUNTED_HEADER_BYTES <= left < float("inf"):
            raise UnreadableAudioError(
                _LABEL,
                f"truncated: {left} of {size} bytes of samples are missing ({left / size:.0%})",
            )
        if size % 2 and (padding := _read(pipe, 1)) != b"\0":
            pipe = _Rejoined(padding, pipe)
        more = _further_samples(pipe, wav, rest)
    while pipe.read(_READ_BYTES):  # read the rest so that the writer does not fail
        pass


def _further_samples(pipe: _Rejoined, wav: _WavFormat, rest: bytes) -> tuple[_Rejoined, int] | None:
    """Find samples behind the announced ones: of a size that was too small, or of another file.

    Args:
        pipe: the pipe, behind the announced samples.
        wav: the format of the samples.
        rest: the part of a frame with which the announced samples end.

    Returns:
        The pipe at the first further sample, and the announced size, 0 for all to the end; None if
        only chunks of other programs follow.
    """
    while len(head := _read(pipe, _HEAD_BYTES)) >= 8:
        if begins_file(head):
            consumed, following = (
                _read_wav_header(pipe, head) if head[:4] == b"RIFF" else (head, None)
            )
            if following != wav:
                raise UnreadableAudioError(_LABEL, _ANOTHER)
            return pipe, int.from_bytes(consumed[-4:], "little")
        if head.startswith((b"ID3", b"TAG")):
            if holds_audio(head + _read(pipe, _HEADER_BYTES)):
                raise UnreadableAudioError(_LABEL, _BEHIND_TAG)
            return None
        if head[:1] == b"\xff":
            head += _read(pipe, _BEGINNING_BYTES)
            if are_frames(head):
                raise UnreadableAudioError(_LABEL, _ANOTHER)
        name, size = head[:4], int.from_bytes(head[4:8], "little")
        content, pipe = b"", _Rejoined(head[8:], pipe)
        if name == b"data":
            return pipe, size
        if is_trailer(name) or (_TEXT.fullmatch(name) and size <= _HEADER_BYTES):
            content = _read(pipe, size + size % 2)
            if is_trailer(name) or len(content) >= size:
                continue
        return _Rejoined(rest + head[:8] + content, pipe), 0
    return None


def _decoded(data: bytes, wav: _WavFormat) -> npt.NDArray[Any]:
    """Decode bytes to samples of shape (n, channels)."""
    if wav.bits == 24:
        widened = np.zeros((len(data) // 3, 4), np.uint8)
        widened[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        samples: npt.NDArray[Any] = widened.view("<i4").reshape(-1)
    else:
        samples = np.frombuffer(data, wav.dtype)
    return samples.reshape(-1, wav.channels) if wav.channels > 1 else samples


def _raw_blocks(pipe: Any, rate_hz: float) -> Iterator[npt.NDArray[np.int16]]:
    """Yield little-endian 16-bit mono samples; an odd last byte is dropped."""
    step = 2 * round(_BLOCK_S * rate_hz)
    while data := _read(pipe, step):
        whole = len(data) - len(data) % 2
        if whole:
            yield np.frombuffer(data[:whole], "<i2")
