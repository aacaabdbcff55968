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
from functools import cache
from typing import BinaryIO, Final

from speakersdk.audio.formats.part import DamagedError, Part

_READ_BYTES: Final = 2**20
_LOW: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
# (is MPEG 1, layer) -> bit rates in kbit/s of the indices 1 to 14.
_BIT_RATES: Final = {
    (True, 1): tuple(range(32, 449, 32)),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): _LOW,
    (False, 3): _LOW,
}
_RATES_HZ: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
# Before the first frame there may be padding and a partial frame of a stream that was cut.
_JUNK_BYTES: Final = 2**11
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


@dataclass(frozen=True, slots=True)
class _Header:
    """The four-byte header of a frame."""

    kind: int  # version, layer and rate: the same in all frames of a stream
    num_bytes: int  # size of the frame; 0 for the free format, whose frames do not state it
    num_samples: int
    sample_rate_hz: int
    side_bytes: int  # between the header and a Xing tag


@dataclass(slots=True)
class _Stretch:
    """A run of frames; `announced` is the count in the first frame's tag, if there is one."""

    start: int
    header: _Header
    announced: int | None
    num_frames: int = 0
    end: int = 0


def is_mpeg(file: BinaryIO, start: int, end: int) -> bool:
    """Return whether MPEG audio begins at `start`: ID3v2 tags, then two frames or a single one."""
    return _first_frame(file, start, end) is not None


def are_frames(head: bytes) -> bool:
    """Return whether several frames follow each other in the first bytes of a pipe.

    A pipe may begin in the middle of a frame. Unlike `is_mpeg`, a single header is not enough: the
    raw 16-bit samples -1 and 0 are one.
    """
    file = io.BytesIO(head)
    offset = head.find(b"\xff", 0, _JUNK_BYTES)
    while offset >= 0:
        if _num_frames(file, offset, len(head)) == _SURE_FRAMES:
            return True
        offset = head.find(b"\xff", offset + 1, _JUNK_BYTES)
    return False


def _first_frame(file: BinaryIO, start: int, end: int) -> int | None:
    """Find the first frame after tags, zeros and a partial frame."""
    position = behind_tags(file, start, end)
    if _begins_at(file, position, end):
        return position
    padded = _behind_zeros(file, position, end)
    if padded > position and _begins_at(file, padded, end):
        return padded
    file.seek(position)
    data = file.read(_JUNK_BYTES)
    offset = data.find(b"\xff")
    while offset >= 0:
        if _num_frames(file, position + offset, end) == _SURE_FRAMES:
            return position + offset
        offset = data.find(b"\xff", offset + 1)
    return None


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
        header = _parse(data[offset : offset + 4])
        if header is None or (stretch is not None and header.kind != stretch.header.kind):
            if stretch is not None:
                yield stretch
            stretch, following = None, _resume(file, position, end)
            if following is None:
                return
            position = following
            continue
        if header.num_bytes == 0:
            yield _Stretch(position, header, None, end=_trimmed(file, position, end))
            return
        if position + header.num_bytes > end:
            present = end - position
            raise DamagedError(
                f"truncated: its last frame has {present} of {header.num_bytes} bytes; what "
                "followed is missing"
            )
        tag = _announced(data[offset : offset + 64], header)
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


def _parse(head: bytes) -> _Header | None:
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return None
    return _make_header(head[1] & 0x1E, head[2] & 0xFE, head[3] & 0xC0)


@cache
def _make_header(second: int, third: int, fourth: int) -> _Header | None:
    version, layer = second >> 3 & 3, 4 - (second >> 1 & 3)
    bit_rate_index, rate_index = third >> 4, third >> 2 & 3
    if version == 1 or layer == 4 or bit_rate_index == 15 or rate_index == 3:
        return None
    is_first, rate_hz = version == 3, _RATES_HZ[version][rate_index]
    num_samples = 384 if layer == 1 else 1152 if is_first or layer == 2 else 576
    num_bytes = 0
    if bit_rate_index:
        bit_rate = 1000 * _BIT_RATES[is_first, layer][bit_rate_index - 1]
        padding = third >> 1 & 1
        num_bytes = num_samples // 8 * bit_rate // rate_hz + padding
        if layer == 1:
            num_bytes = 4 * (12 * bit_rate // rate_hz + padding)
    is_mono = fourth >> 6 == 3
    side_bytes = {(True, False): 32, (False, True): 9}.get((is_first, is_mono), 17)
    kind = (second & 0x1E) << 8 | rate_index
    return _Header(kind, num_bytes, num_samples, rate_hz, side_bytes)


def _announced(frame: bytes, header: _Header) -> int | None:
    """Return the count in a Xing or VBRI tag; 0 if the tag has none; None without a tag."""
    tag = frame[4 + header.side_bytes :]
    if tag[:4] in (b"Xing", b"Info") and int.from_bytes(tag[4:8], "big") < 16:
        return int.from_bytes(tag[8:12], "big") if tag[7] & 1 else 0
    if frame[36:40] == b"VBRI":
        return int.from_bytes(frame[50:54], "big")
    return None


def _header_at(file: BinaryIO, position: int) -> _Header | None:
    file.seek(position)
    return _parse(file.read(4))


def behind_tags(file: BinaryIO, position: int, end: int) -> int:
    """Return the end of the ID3v2 tags at `position`; `position` if there is none."""
    while position < end:
        file.seek(position)
        head = file.read(10)
        if head[:3] != b"ID3" or len(head) < 10:
            break
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        position += 10 + size + (10 if head[5] & 0x10 else 0)
    return position


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
    kind = None
    for number in range(_SURE_FRAMES):
        header = _header_at(file, position)
        if (
            header is None
            or header.num_bytes == 0
            or kind not in (None, header.kind)
            or position + header.num_bytes > end
        ):
            return number
        kind = header.kind
        position += header.num_bytes
    return _SURE_FRAMES


def _resume(file: BinaryIO, position: int, end: int) -> int | None:
    """Find the offset at which frames continue; None if only a trailer follows.

    Raises:
        DamagedError: frames follow what is neither a tag nor padding.
    """
    behind = behind_tags(file, position, end)
    if behind > position and is_mpeg(file, behind, end):
        return behind
    following = _next_frames(file, position, end)
    if following is None or not _is_stream(file, following, end):
        return None
    file.seek(position)
    skipped = file.read(min(following - position, _READ_BYTES))
    if skipped.startswith((*_TAGS, b"ID3")) or not skipped.strip(b"\0"):
        return following
    raise DamagedError(
        f"damaged: {following - position} bytes at offset {position} are not MPEG frames"
    )


def _next_frames(file: BinaryIO, position: int, end: int) -> int | None:
    """Find the next offset at which MPEG audio begins."""
    for first in range(position, end, _READ_BYTES):
        file.seek(first)
        data = file.read(_READ_BYTES + 3)
        offset = data.find(b"\xff")
        while 0 <= offset < _READ_BYTES:
            if _parse(data[offset : offset + 4]) is not None and is_mpeg(file, first + offset, end):
                return first + offset
            offset = data.find(b"\xff", offset + 1)
    return None


def _is_stream(file: BinaryIO, position: int, end: int) -> bool:
    """Return whether three consecutive frames begin here, which is unlikely by chance."""
    for _ in range(3):
        header = _header_at(file, position)
        if header is None:
            return position >= end
        position += header.num_bytes
    return True


def _trimmed(file: BinaryIO, position: int, end: int) -> int:
    """Find the end of a stream whose frames cannot be counted."""
    if end - position > 128:
        file.seek(end - 128)
        if file.read(3) == b"TAG":
            return end - 128
    return end
