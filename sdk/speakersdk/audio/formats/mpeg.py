"""MP3 and older MPEG layers: the frames of a file, whose headers do not count them reliably.

libsndfile trusts a Xing header, which in joined files covers only the first one. Without it,
libsndfile estimates the length from the size of the first frame. Before it looks for frames, it may
read a file that netatalk left in the current folder as a resource fork. A WAV header in front of
the frames avoids both.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from speakersdk.audio.formats.beginnings import HEAD_BYTES, begins_file
from speakersdk.audio.formats.id3 import HEADER_BYTES, before_old_tag, behind_old_tag, behind_tags
from speakersdk.audio.formats.mpeg_frame import (
    HEADER_START,
    MOST_FRAME_BYTES,
    FrameHeader,
    announced_frames,
    parse_header,
)
from speakersdk.audio.formats.part import DamagedError, Part

_READ_BYTES: Final = 2**20
# Before the first frame there may be padding and a partial frame of a stream that was cut.
_JUNK_BYTES: Final = 2**11
# More than the frames that are sure, and a tag behind them.
_TAIL_BYTES: Final = 2**14
_SURE_FRAMES: Final = 4  # consecutive frames do not occur by chance
# WAV of MPEG frames (format 0x55). Rate and channels are those of the frames whatever it says, and
# 2 GiB of samples mean an unknown length.
_WAV_BYTES: Final = 0x7FFF_F000
_WAV_FORMAT: Final = struct.pack("<HHIIHHHHIHHH", 0x55, 1, 16_000, 4000, 1, 0, 12, 1, 2, 1, 1, 0)
_WAV_HEADER: Final = (
    struct.pack("<4sI4s", b"RIFF", _WAV_BYTES + len(_WAV_FORMAT) + 20, b"WAVE")
    + struct.pack("<4sI", b"fmt ", len(_WAV_FORMAT))
    + _WAV_FORMAT
    + struct.pack("<4sI", b"data", _WAV_BYTES)
)
# Trailers of other programs: ID3v1, APEv2, Lyrics3.
_TAGS: Final = (b"TAG", b"APETAGEX", b"LYRICS")


@dataclass(slots=True)
class _Stretch:
    """A run of frames; `announced` is the count in the first frame's tag, if there is one."""

    start: int
    header: FrameHeader
    announced: int | None
    num_frames: int = 0
    end: int = 0


def is_mpeg(file: BinaryIO, start: int, end: int) -> bool:
    """Return whether MPEG audio begins at `start`: ID3v2 tags, then two frames or a single one."""
    return _first_frame(file, start, end) is not None


def are_frames_at(file: BinaryIO, position: int, end: int) -> bool:
    """Return whether several frames follow each other, after tags, behind another file."""
    return _num_frames(file, behind_tags(file, position, end), end) == _SURE_FRAMES


def frames_before(file: BinaryIO, position: int, end: int) -> int | None:
    """Return where the frames begin with which other data ends; None if it ends with others."""
    first = _sure_frames(file, max(position, end - _TAIL_BYTES), end, end)
    return None if first is None else _chain_start(file, position, first)


def are_frames(head: bytes) -> bool:
    """Return whether several frames follow each other in the first bytes of a pipe.

    A pipe may begin in the middle of a frame. Unlike `is_mpeg`, a single header is not enough: the
    raw 16-bit samples -1 and 0 are one.
    """
    last = min(_JUNK_BYTES, len(head))
    return _sure_frames(io.BytesIO(head), 0, last, len(head)) is not None


def _first_frame(file: BinaryIO, start: int, end: int) -> int | None:
    """Find the first frame after tags, zeros and a partial frame.

    A tag may declare a wrong size. Frames inside it that lead to those behind it are audio.
    """
    behind = behind_tags(file, start, end)
    first = _frame_near(file, behind, end)
    if behind == start:
        return first
    if first is None:
        first = _sure_frames(file, start + HEADER_BYTES, end, end)
    return None if first is None else _chain_start(file, start + HEADER_BYTES, first)


def _frame_near(file: BinaryIO, position: int, end: int) -> int | None:
    """Find the first frame after zeros or a partial frame."""
    if _begins_at(file, position, end):
        return position
    padded = _behind_zeros(file, position, end)
    if padded > position and _begins_at(file, padded, end):
        return padded
    return _sure_frames(file, position, min(end, position + _JUNK_BYTES), end)


def _sure_frames(file: BinaryIO, position: int, last: int, end: int) -> int | None:
    """Find the next offset before `last` at which several frames follow each other."""
    for offset in _offsets(file, position, last, end):
        if _num_frames(file, offset, end) == _SURE_FRAMES:
            return offset
    return None


def _chain_start(file: BinaryIO, position: int, first: int) -> int:
    """Follow frames of one kind back from `first`, not beyond `position`.

    The search ends where a frame would be larger than any: in a tag of the right size soon.
    """
    header = _header_at(file, first)
    if header is None:
        return first
    starts, earliest, kind = {first}, first, header.kind
    last = first
    while position < last and last > earliest - MOST_FRAME_BYTES:
        begin = max(position, last - _READ_BYTES)
        file.seek(begin)
        data = file.read(last - begin + 3)
        starts = {start for start in starts if start <= last + MOST_FRAME_BYTES}
        offset = data.rfind(b"\xff", 0, last - begin)
        while offset >= max(0, earliest - MOST_FRAME_BYTES - begin):
            header = parse_header(data[offset : offset + 4])
            if (
                header is not None
                and header.kind == kind
                and begin + offset + header.num_bytes in starts
            ):
                earliest = begin + offset
                starts.add(earliest)
            offset = data.rfind(b"\xff", 0, offset)
        last = begin
    return earliest


def _begins_at(file: BinaryIO, position: int, end: int) -> bool:
    header = _header_at(file, position)
    if header is None:
        return False
    if header.num_bytes == 0:
        return True
    following = position + header.num_bytes
    after = _header_at(file, following)
    return following >= end or (after is not None and after.kind == header.kind)


def mpeg_parts(file: BinaryIO, start: int, end: int) -> list[Part]:
    """Find the streams of a file, each with the announced or counted number of frames.

    Raises:
        DamagedError: frames are missing.
    """
    parts = []
    first = _first_frame(file, start, end)
    for stretch in _stretches(file, start if first is None else first, end):
        missing = (stretch.announced or 0) - stretch.num_frames
        # Some encoders count the tag's own frame.
        if missing > 1:
            header = stretch.header
            missing_s = missing * header.num_samples / header.sample_rate_hz
            raise DamagedError(
                f"truncated: {missing} of {stretch.announced} frames are missing "
                f"({missing_s:.3g} s)"
            )
        is_exact = 1 < stretch.num_frames == stretch.announced
        begin = stretch.start
        if stretch.announced is not None and not is_exact:
            begin += stretch.header.num_bytes  # a wrong tag, whose frame is silent
        parts.append(Part(begin, stretch.end, prefix=_WAV_HEADER, is_endless=not is_exact))
    return parts


def _stretches(file: BinaryIO, position: int, end: int) -> Iterator[_Stretch]:
    stretch: _Stretch | None = None
    data, data_at = b"", position
    while position < end:
        offset = position - data_at
        if offset < 0 or offset + 64 > len(data):
            file.seek(position)
            data, data_at, offset = file.read(_READ_BYTES), position, 0
        header = parse_header(data[offset : offset + 4])
        if header is None or (stretch is not None and header.kind != stretch.header.kind):
            if stretch is not None:
                yield stretch
            stretch, following = None, _resume(file, position, end)
            if following is None:
                return
            position = following
            continue
        if header.num_bytes == 0:
            yield _Stretch(position, header, None, end=before_old_tag(file, position, end))
            return
        if position + header.num_bytes > end:
            present = end - position
            raise DamagedError(
                f"truncated: its last frame has {present} of {header.num_bytes} bytes; what "
                "followed is missing"
            )
        tag = announced_frames(data[offset : offset + 64], header)
        # A single frame cannot be decoded, and therefore such a count is wrong.
        is_full = stretch is not None and 1 < stretch.num_frames == stretch.announced
        if stretch is None or tag is not None or is_full:
            if stretch is not None:
                yield stretch
            stretch = _Stretch(position, header, tag, num_frames=-1 if tag is not None else 0)
        stretch.num_frames += 1
        position += header.num_bytes
        stretch.end = position
    if stretch is not None:
        yield stretch


def _header_at(file: BinaryIO, position: int) -> FrameHeader | None:
    file.seek(position)
    return parse_header(file.read(4))


def _behind_zeros(file: BinaryIO, position: int, end: int) -> int:
    while position < end:
        file.seek(position)
        data = file.read(min(_READ_BYTES, end - position))
        rest = data.lstrip(b"\0")
        if rest or not data:
            return position + len(data) - len(rest)
        position += len(data)
    return position


def _num_frames(file: BinaryIO, position: int, end: int) -> int:
    """Count consecutive frames of one kind, up to `_SURE_FRAMES`."""
    return _chain(file, position, end)[0]


def _chain(file: BinaryIO, position: int, end: int) -> tuple[int, int]:
    """Count consecutive frames like `_num_frames`, and return the offset after them, too."""
    kind = None
    for number in range(_SURE_FRAMES):
        header = _header_at(file, position)
        if (
            header is None
            or header.num_bytes == 0
            or kind not in (None, header.kind)
            or position + header.num_bytes > end
        ):
            return number, position
        kind = header.kind
        position += header.num_bytes
    return _SURE_FRAMES, position


def _resume(file: BinaryIO, position: int, end: int) -> int | None:
    """Find the offset at which frames continue; None if only a trailer or another file follows.

    Raises:
        DamagedError: frames follow what is neither a tag nor padding.
    """
    behind = behind_tags(file, behind_old_tag(file, position, end), end)
    file.seek(behind)
    if begins_file(file.read(HEAD_BYTES)):
        return None
    first = _first_frame(file, position, end) if behind > position else None
    if first is not None and first <= behind:
        return first
    following = _next_frames(file, position, end)
    if following is None:
        return None
    file.seek(position)
    skipped = file.read(min(following - position, _READ_BYTES))
    if skipped.startswith((*_TAGS, b"ID3")) or not skipped.strip(b"\0"):
        return following
    raise DamagedError(
        f"damaged: {following - position} bytes at offset {position} are not MPEG frames"
    )


def _next_frames(file: BinaryIO, position: int, end: int) -> int | None:
    """Find the next offset at which several frames begin, or the last two of the file."""
    for offset in _offsets(file, position, end, end):
        number, behind = _chain(file, offset, end)
        is_last = behind == end or _header_at(file, behind) is not None  # whole, or cut
        if number == _SURE_FRAMES or (number > 1 and is_last):
            return offset
    return None


def _offsets(file: BinaryIO, position: int, last: int, end: int) -> Iterator[int]:
    """Yield the offsets before `last` of headers that another of their kind follows.

    Most candidates are refused here, in memory: damaged files may be full of them.
    """
    for first in range(position, last, _READ_BYTES):
        file.seek(first)
        num = min(_READ_BYTES, last - first)
        data = file.read(min(num + MOST_FRAME_BYTES + 3, end - first))
        for found in HEADER_START.finditer(data, 0, num + 2):
            offset = found.start()
            header = parse_header(data[offset : offset + 4])
            if header is None or header.num_bytes == 0:
                continue
            following = offset + header.num_bytes
            after = parse_header(data[following : following + 4])
            if after is not None and after.kind == header.kind:
                yield first + offset
