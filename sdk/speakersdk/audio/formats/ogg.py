"""Ogg: the pages of Vorbis and Opus files, and the chained streams in a file.

libsndfile reads only the first stream and silently skips damaged pages. Of streams that are mixed,
such as the tracks of a video or the microphones of a conversation, only one may be audio.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import BinaryIO, Final

from speakersdk.audio.formats.beginnings import HEAD_BYTES, begins_file
from speakersdk.audio.formats.part import DamagedError, Part
from speakersdk.text import counted

_HEADER_BYTES: Final = 27
_FIRST_PAGE: Final = 2  # flag
_READ_BYTES: Final = 2**20
# The beginnings of audio streams: also those that cannot be decoded here.
_AUDIO: Final = (b"\x01vorbis", b"OpusHead", b"Speex   ", b"\x7fFLAC", b"CELT    ", b"PCM     ")
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class _Page:
    """The header of a page."""

    serial: bytes  # of the stream
    number: int  # in the stream
    is_first: bool
    is_audio: bool  # only of the first page of a stream
    num_bytes: int


def ogg_parts(file: BinaryIO, start: int, end: int) -> tuple[list[Part], int]:
    """Find the chained streams of a file, and the offset after them.

    Raises:
        DamagedError: a page is truncated, damaged or missing, or several audio streams are mixed.
    """
    starts, position = [], start
    is_beginning = False  # streams that are mixed begin with several first pages
    num_audio = 0  # streams of audio among them
    numbers: dict[bytes, int] = {}  # number of the next page of each stream
    while position < end:
        page = _read_page(file, position, end)
        if page is None:
            file.seek(position)
            if position > start and begins_file(file.read(HEAD_BYTES)):
                break
            following = _next_page(file, position, end)
            if following is None and position > start:
                break  # tags of other programs after the last page
            where = "" if following is None else f"; the next page is {following - position} on"
            raise DamagedError(f"damaged: no Ogg page at offset {position}{where}")
        if page.is_first and not is_beginning:
            starts.append(position)
            numbers.clear()
            num_audio = 0
        is_beginning = page.is_first
        num_audio += page.is_audio
        if num_audio > 1:
            raise DamagedError(
                "it has several audio streams at the same time, and only one can be read; extract "
                "each with: ffmpeg -i INPUT -map 0:a:0 output.wav (0:a:1 for the second)"
            )
        if not page.is_first and page.serial not in numbers:
            raise DamagedError(
                f"damaged: the page at offset {position} belongs to a stream whose beginning is "
                "missing"
            )
        missing = 0 if page.is_first else page.number - numbers[page.serial]
        if missing:
            pages = counted(abs(missing), "page")
            raise DamagedError(f"damaged: {pages} missing before offset {position}")
        numbers[page.serial] = page.number + 1
        position += page.num_bytes
    if not starts or starts[0] != start:
        raise DamagedError("damaged: its beginning is missing")
    ends = [*starts[1:], position]
    return [Part(first, last) for first, last in zip(starts, ends, strict=True)], position


def _read_page(file: BinaryIO, position: int, end: int) -> _Page | None:
    """Read the page at an offset; None if no page begins there.

    Raises:
        DamagedError: the page is truncated, or its checksum is wrong.
    """
    file.seek(position)
    header = file.read(_HEADER_BYTES)
    if header[:4] != b"OggS"[: len(header)]:
        return None
    table = file.read(header[26]) if len(header) == _HEADER_BYTES else b""
    num_bytes = _HEADER_BYTES + len(table) + sum(table)
    if len(header) < _HEADER_BYTES or len(table) < header[26] or position + num_bytes > end:
        raise DamagedError(
            f"truncated: its last page has {end - position} of {num_bytes} bytes; what "
            "followed is missing"
        )
    content = file.read(sum(table))
    page = header[:22] + bytes(4) + header[26:] + table + content
    if _checksum(page) != int.from_bytes(header[22:26], "little"):
        raise DamagedError(f"damaged: the checksum of the page at offset {position} is wrong")
    is_first = bool(header[5] & _FIRST_PAGE)
    return _Page(
        serial=header[14:18],
        number=int.from_bytes(header[18:22], "little"),
        is_first=is_first,
        is_audio=is_first and content.startswith(_AUDIO),
        num_bytes=num_bytes,
    )


def _checksum(page: bytes) -> int:
    """Compute the CRC-32 of Ogg: zlib's polynomial, highest bit first, without inversion."""
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int(f"{reflected:032b}"[::-1], 2)


def _next_page(file: BinaryIO, position: int, end: int) -> int | None:
    while position < end:
        file.seek(position)
        found = file.read(_READ_BYTES + 3).find(b"OggS")
        if found >= 0:
            return position + found
        position += _READ_BYTES
    return None
