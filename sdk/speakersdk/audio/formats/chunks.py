"""The position of the samples in WAV, RF64, Wave64, AIFF, SVX and CAF files.

Sizes in headers can be wrong: killed recorders leave zero or an earlier size, writers to a pipe a
value that means "unknown", and old writers wrap at 4 GiB. These files consist of chunks with a name
and a size. This module walks over the chunks to find that of the samples, and corrects its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Final, Literal

from speakersdk.audio.formats.beginnings import HEAD_BYTES, WAVE64_HEAD, begins_file
from speakersdk.audio.formats.byte_range import Patch
from speakersdk.audio.formats.mpeg import are_frames_at
from speakersdk.audio.formats.part import DamagedError, Part

# Programs that write to a pipe announce about 2 or 4 GiB, or the largest number: "unknown".
_UNKNOWN_BYTES: Final = (
    (0x7FFF_0000, 0x8001_0000),
    (0xFFFF_0000, 0x1_0000_0000),
    (2**63 - 2**16, 2**64),
)
# Tolerance for writers that count a header as samples.
COUNTED_HEADER_BYTES: Final = 64
# Chunks after the samples, without the spaces at the end of a name. Truncation there loses no
# samples.
_TRAILERS: Final = frozenset(
    b"LIST INFO id3  ID3  bext cue  smpl inst PEAK fact JUNK junk FLLR PAD  iXML axml cart afsp "
    b"acid DISP plst ltxt labl note adtl umid _PMX MARK INST COMT NAME AUTH ANNO (c)  APPL FVER "
    b"strg free mark regn info uuid ovvw peak edct PVOC LGWV SAUR MD5  minf elm1 regn Trkn".split()
)
# In RF64, this size of the samples means that the chunk ds64 gives it.
_IN_DS64: Final = 0xFFFF_FFFF
_MPEG_TAGS: Final = (0x50, 0x55)
_EXTENSIBLE: Final = 0xFFFE


@dataclass(frozen=True, slots=True)
class _Layout:
    """The layout of the chunks of a format."""

    first: int  # offset of the first chunk
    name_bytes: int
    size_bytes: int
    byte_order: Literal["little", "big"]
    counts_header: bool
    alignment: int
    samples: bytes  # name of the chunk of the samples
    lead_bytes: int = 0  # in that chunk before the samples


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    size_at: int
    content: int  # offset
    size: int


_RIFF: Final = _Layout(12, 4, 4, "little", False, 2, b"data")
_RIFX: Final = _Layout(12, 4, 4, "big", False, 2, b"data")
_WAV: Final = (_RIFF, _RIFX)
_SVX: Final = _Layout(12, 4, 4, "big", False, 2, b"BODY")
_AIFF: Final = _Layout(12, 4, 4, "big", False, 2, b"SSND", 8)
_CAF: Final = _Layout(8, 4, 8, "big", False, 1, b"data", 4)
_W64: Final = _Layout(40, 16, 8, "little", True, 8, b"data")


def layout_of(head: bytes) -> _Layout | None:
    """Return the layout of a file by its first 16 bytes; None if it has no chunks."""
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return _RIFF
    if head[:4] == b"RIFX" and head[8:12] == b"WAVE":
        return _RIFX
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _AIFF
    if head[:4] == b"FORM" and head[8:12] in (b"8SVX", b"16SV"):
        return _SVX
    if head[:16] == WAVE64_HEAD:
        return _W64
    return _CAF if head[:4] == b"caff" else None


def is_trailer(name: bytes) -> bool:
    """Return whether a chunk of this name follows the samples and contains none."""
    return name[:4].rstrip() in _TRAILERS


def chunk_parts(file: BinaryIO, start: int, end: int) -> tuple[list[Part], int]:
    """Find the audio of the file that begins at `start`, and the offset of its end.

    Raises:
        DamagedError: samples are missing.
    """
    file.seek(start)
    head = file.read(16)
    layout = layout_of(head)
    if layout is None:
        raise ValueError("no file of chunks begins here")
    encoding, long_size = 0, None
    # libsndfile knows RF64, but not the later name of the same format.
    patches: tuple[Patch, ...] = ()
    if head[:4] == b"BW64":
        patches = (Patch(start, b"RF64"),)
    for chunk in _chunks(file, layout, start + layout.first, end):
        if layout in _WAV and chunk.name == b"fmt ":
            encoding = _number(file, chunk.content, 2, layout)
        elif layout is _W64 and chunk.name[:4] == b"fmt ":
            patches = _w64_encoding(file, chunk)
        elif head[:4] in (b"RF64", b"BW64") and chunk.name == b"ds64":
            long_size = _Chunk(
                b"data",
                chunk.content + 8,
                chunk.content,
                _number(file, chunk.content + 8, 8, layout),
            )
        elif chunk.name[:4] == layout.samples:
            parts, next_at = _with_true_size(file, layout, chunk, long_size, encoding, start, end)
            parts = [replace(part, patches=part.patches + patches) for part in parts]
            if layout in _WAV:
                more, next_at = _further_chunks(file, layout, chunk, encoding, start, next_at, end)
                parts += more
            return parts, next_at
    return [Part(start, end)], end  # no samples: the decoder reports it


def _further_chunks(
    file: BinaryIO,
    layout: _Layout,
    first: _Chunk,
    encoding: int,
    start: int,
    next_at: int,
    end: int,
) -> tuple[list[Part], int]:
    """Return the parts of further chunks of samples, which the decoder reads as separate files.

    Arguments are as for `_with_true_size`; `first` is the first chunk of samples, and `next_at` is
    the end of its trailers.
    """
    header_bytes = layout.name_bytes + layout.size_bytes
    file.seek(start + 4)
    # The long size of RF64 is that of the first chunk.
    header = b"RIFX" if layout is _RIFX else b"RIFF"
    header += file.read(first.content - header_bytes - start - 4)
    parts: list[Part] = []
    while (chunk := next(_chunks(file, layout, next_at, end), None)) is not None:
        if chunk.name != layout.samples:
            break
        begin = next_at
        more, next_at = _with_true_size(file, layout, chunk, None, encoding, begin, end)
        parts += [replace(part, prefix=header if part.start == begin else b"") for part in more]
    return parts, next_at


def _w64_encoding(file: BinaryIO, chunk: _Chunk) -> tuple[Patch, ...]:
    """Patch the encoding of extensible samples, which libsndfile takes for integers in Wave64."""
    if _number(file, chunk.content, 2, _W64) != _EXTENSIBLE or chunk.size < 26:
        return ()
    file.seek(chunk.content + 24)
    return (Patch(chunk.content, file.read(2)),)


def _with_true_size(
    file: BinaryIO,
    layout: _Layout,
    chunk: _Chunk,
    long_size: _Chunk | None,
    encoding: int,
    start: int,
    end: int,
) -> tuple[list[Part], int]:
    """Return the parts of a file whose samples are in a chunk, and the end of the file.

    Args:
        file: the file.
        layout: layout of its chunks.
        chunk: the chunk of the samples.
        long_size: where RF64 has the size of that chunk; None in other formats.
        encoding: tag of the encoding in WAV; 0 in other formats.
        start, end: offsets of the first byte, and after the last one.
    """
    announced = chunk
    if long_size is not None and chunk.size == _IN_DS64:
        announced = long_size
    samples = chunk.content + layout.lead_bytes
    size, present = max(0, announced.size - layout.lead_bytes), end - samples
    next_at = None
    behind = _aligned(samples + size, chunk.content, layout)
    if 0 < size <= present:
        next_at = _end_of_trailers(file, layout, behind, end)
    is_unpadded = next_at is None and 0 < size < present and behind > samples + size
    if is_unpadded:
        next_at = _end_of_trailers(file, layout, samples + size, end)
    if next_at is not None:
        data_end = samples + size
    elif size == 0 and _end_of_trailers(file, layout, samples, end) is not None:
        return [Part(start, end)], end  # empty, and closed properly
    else:
        _check_present(size, present, announced, end - start)
        data_end = next_at = end
    if encoding in _MPEG_TAGS:
        return [Part(samples, data_end, is_endless=True)], next_at
    patches: tuple[Patch, ...] = ()
    if long_size is not None and announced is chunk:
        # libsndfile reads the long size in any case, which such a writer may have left at zero.
        patches = (Patch(chunk.size_at, _IN_DS64.to_bytes(4, "little")),)
        announced, size = long_size, long_size.size
    if data_end - samples != size:
        true = data_end - chunk.content
        if layout.counts_header:
            true += layout.name_bytes + layout.size_bytes
        width = 8 if announced is long_size else layout.size_bytes
        if true >= 256**width:
            raise DamagedError(
                f"its header cannot announce the {true} bytes of samples; convert it to RF64, "
                "Wave64 or FLAC"
            )
        patches += (Patch(announced.size_at, true.to_bytes(width, layout.byte_order)),)
    return [Part(start, next_at, patches)], next_at


def _check_present(size: int, present: int, announced: _Chunk, file_bytes: int) -> None:
    is_unknown = any(first <= announced.size < last for first, last in _UNKNOWN_BYTES)
    counts_all = announced.size in (file_bytes, file_bytes - 8)
    missing = size - present
    if is_unknown or counts_all or missing < COUNTED_HEADER_BYTES:
        return
    raise DamagedError(
        f"truncated: {missing} of {size} bytes of samples are missing ({missing / size:.0%})"
    )


def _chunks(file: BinaryIO, layout: _Layout, position: int, end: int) -> Iterator[_Chunk]:
    header_bytes = layout.name_bytes + layout.size_bytes
    while position + header_bytes <= end:
        file.seek(position)
        header = file.read(header_bytes)
        size = int.from_bytes(header[layout.name_bytes :], layout.byte_order)
        if layout.counts_header:
            size -= header_bytes
        content = position + header_bytes
        yield _Chunk(header[: layout.name_bytes], position + layout.name_bytes, content, size)
        if size < 0:
            return
        position = _aligned(content + size, position, layout)


def _end_of_trailers(file: BinaryIO, layout: _Layout, position: int, end: int) -> int | None:
    """Find the end of the chunks after the samples, or the start of the next file or samples.

    The result is None if no chunk follows, which means that there are more samples.
    """
    file.seek(position)
    head = file.read(HEAD_BYTES)
    if position >= end:
        return end
    if begins_file(head) or head[:3] in (b"ID3", b"TAG") or are_frames_at(file, position, end):
        return position
    if end - position < layout.name_bytes + layout.size_bytes:
        return end
    for chunk in _chunks(file, layout, position, end):
        file.seek(chunk.content - layout.name_bytes - layout.size_bytes)
        is_further = layout in _WAV and chunk.name == layout.samples
        if is_further or begins_file(file.read(HEAD_BYTES)):
            return chunk.content - layout.name_bytes - layout.size_bytes
        is_name = all(0x20 <= byte < 0x7F for byte in chunk.name[:4])
        if not is_name or (chunk.content + chunk.size > end and not is_trailer(chunk.name)):
            return None
    return end


def _aligned(position: int, origin: int, layout: _Layout) -> int:
    return position + (origin - position) % layout.alignment


def _number(file: BinaryIO, position: int, num_bytes: int, layout: _Layout) -> int:
    file.seek(position)
    return int.from_bytes(file.read(num_bytes), layout.byte_order)
