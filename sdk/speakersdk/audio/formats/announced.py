"""Lengths in the headers of NIST SPHERE, VOC, MAT, AVR, WVE and MPC files.

libsndfile does not report that a file is truncated. A header with too small a length is harmless,
because the decoder reads on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import BinaryIO, Final, Literal

from speakersdk.audio.formats.part import DamagedError

# libsndfile itself announces 8 bytes too many in a MAT file.
_SLACK_BYTES: Final = 16
_NIST_FIELD: Final = re.compile(rb"^(\w+) -(?:i|s\d+) (\d+)$", re.MULTILINE)
_NIST_FIELDS: Final = (b"sample_count", b"channel_count", b"sample_n_bytes")
# Size of a number by the tens digit of the type.
_MAT4_BYTES: Final = {0: 8, 1: 4, 2: 4, 3: 2, 4: 2, 5: 1}
_MAT_MATRIX: Final = 14
_VOC_SOUND: Final = b"\1\2\x09"  # types of blocks with samples


def announced_end(file: BinaryIO, start: int, end: int) -> int | None:
    """Return the offset after a file according to its headers; None if they do not say it.

    Raises:
        DamagedError: the header announces more data than the file contains.
    """
    file.seek(start)
    head = file.read(1024).ljust(1024, b"\0")
    size = _announced(file, head, start, end)
    if size is None:
        return None
    missing = start + size - end
    if missing >= _SLACK_BYTES:
        raise DamagedError(
            f"truncated: {missing} of {size} bytes are missing ({missing / size:.0%})"
        )
    return start + size


def _announced(file: BinaryIO, head: bytes, start: int, end: int) -> int | None:
    """Return the size of the whole file according to its headers; None if they do not say it."""
    for magic, size_by_head in _BY_HEAD.items():
        if head.startswith(magic):
            return size_by_head(head)
    for magic, size_by_blocks in _BY_BLOCKS.items():
        if head.startswith(magic):
            return size_by_blocks(file, head, start, end)
    return None


def _nist(head: bytes) -> int | None:
    fields = dict(_NIST_FIELD.findall(head))
    lines = head.split(b"\n", 2)
    if not fields.keys() >= set(_NIST_FIELDS) or not lines[1].strip().isdigit():
        return None
    if re.search(rb"^sample_coding -s\d+ \S*,", head, re.MULTILINE):
        return None  # compressed
    count, channels, num_bytes = (int(fields[name]) for name in _NIST_FIELDS)
    return int(lines[1]) + count * channels * num_bytes


def _voc(file: BinaryIO, head: bytes, start: int, end: int) -> int:
    position = start + int.from_bytes(head[20:22], "little")
    num_blocks = 0
    # SoX announces 8 bytes too few; the rest is not a block.
    while end - position > _SLACK_BYTES:
        file.seek(position)
        block = file.read(4)
        if block[:1] == b"\0":
            return position + 1 - start
        num_blocks += block[0] in _VOC_SOUND
        if num_blocks > 1:
            raise DamagedError(
                "it is a VOC file of several blocks, whose headers would be decoded as samples; "
                "convert it with: ffmpeg -i INPUT output.wav"
            )
        position += 4 + int.from_bytes(block[1:], "little")
    return position - start


def _mat4(file: BinaryIO, head: bytes, start: int, end: int) -> int | None:
    order: Literal["big", "little"] = "little" if head[:4] == bytes(4) else "big"
    position = start
    for _ in range(2):  # the rate, and the samples
        file.seek(position)
        kind, rows, columns, _, name = (int.from_bytes(file.read(4), order) for _ in range(5))
        number_bytes = _MAT4_BYTES.get(kind % 100 // 10)
        if number_bytes is None:
            return None
        position += 20 + name + rows * columns * number_bytes
        if position >= end:
            break
    return position - start


def _mat5(file: BinaryIO, head: bytes, start: int, end: int) -> int:
    position = start + 128
    while position + 8 <= end:
        file.seek(position)
        tag = file.read(8)
        kind, size = (
            int.from_bytes(tag[at : at + 4], "little" if head[126:128] == b"IM" else "big")
            for at in (0, 4)
        )
        if kind != _MAT_MATRIX:
            return end - start
        position += 8 + size
    return position - start


def _avr(head: bytes) -> int:
    channels = 2 if head[12:14] == b"\xff\xff" else 1
    return 128 + _big(head, 26, 4) * channels * (_big(head, 14, 2) // 8)


def _wve(head: bytes) -> int:
    return 32 + _big(head, 18, 4)


def _mpc(head: bytes) -> int:
    return 42 + int.from_bytes(head[30:34], "little") * 2 * (1 + (head[21] & 1))


def _big(head: bytes, at: int, num: int) -> int:
    return int.from_bytes(head[at : at + num], "big")


# Formats by their first bytes: the first 1024 bytes give the size, or a walk over the blocks.
_BY_HEAD: Final[dict[bytes, Callable[[bytes], int | None]]] = {
    b"NIST_1A\n": _nist,
    b"2BIT": _avr,
    b"ALawSoundFile**": _wve,
    b"\1\4": _mpc,
}
_BY_BLOCKS: Final[dict[bytes, Callable[[BinaryIO, bytes, int, int], int | None]]] = {
    b"Creative Voice File\x1a": _voc,
    b"\0\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\x0b\0\0\0samplerate": _mat4,
    b"\0\0\x03\xe8\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\x0bsamplerate": _mat4,
    b"MATLAB 5.0 MAT-file": _mat5,
}
