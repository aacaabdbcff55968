"""The gallery file: a checked header, then blocks that are memory-mapped as they lie.

docs/formats/gallery.md describes the bytes: a container with a checksum after the header. Its
content are blocks, each at a multiple of 64 bytes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from speakersdk.container import CHECKSUM_BYTES, ContainerFormat, ContainerWriter
from speakersdk.errors import GalleryError
from speakersdk.files import open_regular, replacement
from speakersdk.text import is_visible, printable

SUFFIX: Final = ".gallery"
FORMAT_VERSION: Final = 1
MAGIC: Final = b"\x89SPKG\r\n\x1a"
_FORMAT = ContainerFormat(
    noun="gallery",
    magic=MAGIC,
    versions=(FORMAT_VERSION,),
    error=GalleryError,
    has_header_checksum=True,
)
_HEADER: Final = {
    "dim": int,
    "storage": str,
    "num": int,
    "is_narrow": bool,
    "model_name": str | None,
    "model_sha256": str | None,
}
_MAXIMUM_DIM: Final = 1 << 20  # embeddings have hundreds of values
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
    with replacement(path) as file:
        writer = ContainerWriter(file, _FORMAT, FORMAT_VERSION, {**header, "blocks": described})
        for block in blocks.values():
            writer.put(bytes(-writer.position % _ALIGNMENT))
            rows_together = max(1, _CHUNK_BYTES // max(1, block[:1].nbytes))
            for first in range(0, len(block), rows_together):
                part = np.ascontiguousarray(block[first : first + rows_together])
                writer.put(part.astype(_DTYPES[_type_name(block)], copy=False).tobytes())
        writer.close()


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
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        _, header, header_end = _FORMAT.read_header(file, size)
        places, end = _places(header.pop("blocks", None), header_end)
        if size != end + CHECKSUM_BYTES:
            _FORMAT.refuse(
                f"the gallery is truncated or damaged: expected {end + CHECKSUM_BYTES} bytes, "
                f"got {size}"
            )
        if verify:
            _FORMAT.check(file, size)
        content = np.memmap(file, dtype=np.uint8, mode="c")
    blocks = {}
    for name, (dtype, shape, first, last) in places.items():
        blocks[name] = np.asarray(content[first:last]).view(dtype).reshape(shape)
    return header, blocks


def check_header(header: Mapping[str, Any]) -> dict[str, Any]:
    """The header of a gallery's rows, each field of its type.

    Raises:
        GalleryError: a key is missing or unknown, or a value is of another type or out of range.
    """
    values = _FORMAT.fields(header, _HEADER)
    labels = [values[key] for key in ("model_name", "model_sha256") if values[key] is not None]
    if not (1 <= values["dim"] <= _MAXIMUM_DIM and all(map(is_visible, labels))):
        _FORMAT.refuse(
            f"the gallery's content is not valid: expected dim from 1 to {_MAXIMUM_DIM} and a "
            f"model of visible characters, got {values['dim']} and '{printable(str(labels))}'"
        )
    return values


def _places(
    described: object, position: int
) -> tuple[dict[str, tuple[np.dtype[Any], tuple[int, ...], int, int]], int]:
    """Type, shape, first and last byte of each block, and the end of the last."""
    if not isinstance(described, list):
        _FORMAT.refuse("the gallery's header is not valid: expected a list of blocks")
    places: dict[str, tuple[np.dtype[Any], tuple[int, ...], int, int]] = {}
    for block in described:
        if not isinstance(block, dict):
            _FORMAT.refuse("the gallery's header is not valid: expected blocks as JSON objects")
        values = _FORMAT.fields(block, {"name": str, "type": str, "shape": list})
        name, shape = values["name"], tuple(values["shape"])
        if (
            name in places
            or values["type"] not in _DTYPES
            or not 1 <= len(shape) <= 2
            or not all(type(length) is int and 0 <= length < 2**48 for length in shape)
        ):
            _FORMAT.refuse(
                "the gallery's header is not valid: expected blocks of different names with one of "
                f"the types {', '.join(_DTYPES)} and a shape of one or two whole numbers"
            )
        dtype = np.dtype(_DTYPES[values["type"]])
        first = position + -position % _ALIGNMENT
        position = first + math.prod(shape, start=dtype.itemsize)
        places[name] = (dtype, shape, first, position)
    return places, position


def _type_name(block: npt.NDArray[Any]) -> str:
    return "bytes" if block.dtype == np.uint8 else block.dtype.name
