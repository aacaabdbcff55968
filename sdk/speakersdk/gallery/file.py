"""The gallery file: a checked header, then blocks that are memory-mapped as they lie.

docs/gallery-format.md describes the bytes:

    magic (8) | version u32 | header length u32 | header JSON | SHA-256 of all before (32)
    | blocks, each at a multiple of 64 bytes | SHA-256 of all before (32)
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from speakersdk.errors import GalleryError
from speakersdk.files import replacement

SUFFIX: Final = ".gallery"
FORMAT_VERSION: Final = 1
# As in PNG: the high bit shows a 7-bit transfer, CR LF a converted line end.
MAGIC: Final = b"\x89SPKG\r\n\x1a"
_PREFIX = struct.Struct("<8sII")
_CHECKSUM_BYTES = 32
_ALIGNMENT = 64
_CHUNK_BYTES = 1 << 22
_DTYPES = {"float32": "<f4", "float16": "<f2", "int8": "|i1", "bytes": "|u1"}

Blocks = Mapping[str, npt.NDArray[Any]]


def write_gallery(path: Path, header: Mapping[str, Any], blocks: Blocks) -> None:
    """Write the file, readable by its owner alone: all of it or, on an error, nothing.

    Args:
        path: file to write; an existing one is replaced at the end.
        header: what `read_gallery` gives back, without the key "blocks".
        blocks: arrays by name, of float32, float16, int8 or uint8.
    """
    described = [
        {"name": name, "type": _type_name(block), "shape": list(block.shape)}
        for name, block in blocks.items()
    ]
    content = json.dumps(
        {**header, "blocks": described}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    ).encode()
    with replacement(path) as file:
        checksum = hashlib.sha256()

        def put(data: bytes | memoryview) -> None:
            checksum.update(data)
            file.write(data)

        put(_PREFIX.pack(MAGIC, FORMAT_VERSION, len(content)))
        put(content)
        put(checksum.digest())
        position = _PREFIX.size + len(content) + _CHECKSUM_BYTES
        for block in blocks.values():
            put(bytes(-position % _ALIGNMENT))
            rows_together = max(1, _CHUNK_BYTES // max(1, block[:1].nbytes))
            for first in range(0, len(block), rows_together):
                part = np.ascontiguousarray(block[first : first + rows_together])
                put(part.astype(_DTYPES[_type_name(block)], copy=False).tobytes())
            position += -position % _ALIGNMENT + block.nbytes
        file.write(checksum.digest())


def read_gallery(path: Path, *, verify: bool) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Map what `write_gallery` wrote: header and blocks.

    The blocks are private copies-on-write: changing them changes memory, never the file.

    Args:
        path: file to read; it must not be truncated while it is mapped.
        verify: read the whole file once to check its checksum; without it, only the header's
            checksum and the file's length are checked.

    Raises:
        OSError: the file cannot be read.
        GalleryError: not a gallery, of an unknown version, truncated or damaged.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header, header_end = _read_header(file, size)
        try:
            places, end = _places(header, header_end)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise GalleryError(f"the gallery's header is not valid: {error!r}") from error
        if size != end + _CHECKSUM_BYTES:
            raise GalleryError(
                f"the gallery is truncated or damaged: expected {end + _CHECKSUM_BYTES} bytes, "
                f"got {size}"
            )
        if verify:
            _check_sum(file, end)
    content = np.memmap(path, dtype=np.uint8, mode="c")
    blocks = {}
    for name, (dtype, shape, first, last) in places.items():
        blocks[name] = np.asarray(content[first:last]).view(dtype).reshape(shape)
    del header["blocks"]
    return header, blocks


def _read_header(file: BinaryIO, size: int) -> tuple[dict[str, Any], int]:
    """The header and the position after its checksum."""
    prefix = file.read(_PREFIX.size)
    if prefix[: len(MAGIC)] != MAGIC:
        raise GalleryError(
            f"not a gallery: expected it to begin with {MAGIC!r}, got {prefix[: len(MAGIC)]!r}"
        )
    if len(prefix) < _PREFIX.size:
        raise GalleryError(f"the gallery is truncated after {len(prefix)} bytes")
    _, version, header_bytes = _PREFIX.unpack(prefix)
    if version != FORMAT_VERSION:
        raise GalleryError(
            f"expected gallery format version {FORMAT_VERSION}, got {version}; "
            "install a speakersdk version that knows it"
        )
    end = _PREFIX.size + header_bytes + _CHECKSUM_BYTES
    if end > size:
        raise GalleryError(f"the gallery is truncated after {size} bytes")
    content = file.read(header_bytes)
    if hashlib.sha256(prefix + content).digest() != file.read(_CHECKSUM_BYTES):
        raise GalleryError("the gallery is damaged: the checksum of its header does not match")
    try:
        header = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise GalleryError(f"the gallery's header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise GalleryError("the gallery's header is not a JSON object")
    return header, end


def _places(
    header: dict[str, Any], position: int
) -> tuple[dict[str, tuple[np.dtype[Any], tuple[int, ...], int, int]], int]:
    """Type, shape, first and last byte of each block, and the end of the last."""
    places = {}
    for block in header["blocks"]:
        dtype = np.dtype(_DTYPES[block["type"]])
        shape = tuple(block["shape"])
        if not all(type(length) is int and 0 <= length < 2**48 for length in shape):
            raise ValueError(f"expected a shape of whole numbers, got {shape}")
        num_bytes = dtype.itemsize
        for length in shape:
            num_bytes *= length
        first = position + -position % _ALIGNMENT
        position = first + num_bytes
        places[str(block["name"])] = (dtype, shape, first, position)
    return places, position


def _check_sum(file: BinaryIO, end: int) -> None:
    """Compare the last bytes with the checksum of the `end` before them."""
    file.seek(0)
    checksum = hashlib.sha256()
    remaining = end
    while remaining and (part := file.read(min(_CHUNK_BYTES, remaining))):
        checksum.update(part)
        remaining -= len(part)
    if remaining or checksum.digest() != file.read(_CHECKSUM_BYTES):
        raise GalleryError("the gallery is truncated or damaged: its checksum does not match")


def _type_name(block: npt.NDArray[Any]) -> str:
    return "bytes" if block.dtype == np.uint8 else block.dtype.name
