"""The gallery file: a checked header and memory-mapped blocks.

docs/formats/gallery.md describes the bytes: a container with a checksum after the header. Its
content consists of blocks, each at a multiple of 64 bytes.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from speakersdk.container import CHECKSUM_BYTES, ContainerFormat, ContainerWriter
from speakersdk.errors import GalleryError
from speakersdk.files import open_regular, replacement
from speakersdk.sealing import SealingKey, sealed, unsealed_content
from speakersdk.text import is_visible, printable

SUFFIX: Final = ".gallery"
# Only version 2 has the block of ends. Files without one are written as version 1.
_VERSIONS: Final = (1, 2)
ENDS: Final = "ends"
MAGIC: Final = b"\x89SPKG\r\n\x1a"
_FORMAT = ContainerFormat(
    noun="gallery",
    magic=MAGIC,
    versions=_VERSIONS,
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
_DTYPES = {"float32": "<f4", "float16": "<f2", "int8": "|i1", "int64": "<i8", "bytes": "|u1"}

Blocks = Mapping[str, npt.NDArray[Any]]


def write_gallery(
    path: Path, header: Mapping[str, Any], blocks: Blocks, key: SealingKey | None = None
) -> None:
    """Write a gallery file atomically, readable only by its owner.

    Args:
        path: file to write; an existing file is replaced.
        header: the header as `read_gallery` returns it, without the key "blocks".
        blocks: arrays by name, of type float32, float16, int8, int64 or uint8.
    """
    described = [
        {"name": name, "type": _type_name(block), "shape": list(block.shape)}
        for name, block in blocks.items()
    ]
    with replacement(path) as target:
        # A sealed file is made in memory so that no plain byte reaches the disk.
        file = target if key is None else io.BytesIO()
        version = _VERSIONS[ENDS in blocks]
        writer = ContainerWriter(file, _FORMAT, version, {**header, "blocks": described})
        for block in blocks.values():
            writer.put(bytes(-writer.position % _ALIGNMENT))
            rows_together = max(1, _CHUNK_BYTES // max(1, block[:1].nbytes))
            for first in range(0, len(block), rows_together):
                part = np.ascontiguousarray(block[first : first + rows_together])
                writer.put(part.astype(_DTYPES[_type_name(block)], copy=False).tobytes())
        writer.close()
        if isinstance(file, io.BytesIO):
            target.write(sealed(file.getvalue(), key))


def read_gallery(
    path: Path, *, verify: bool, key: SealingKey | None = None
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Map a file of `write_gallery` and return its header and blocks.

    The blocks are copy-on-write: changes stay in memory and never reach the file.

    Args:
        path: file to read; it must not be truncated while it is mapped.
        verify: read the whole file to check its checksum. Otherwise only the checksum of the header
            and the length of the file are checked.

    Raises:
        OSError: the file cannot be read.
        GalleryError: not a gallery, of an unknown version, truncated or damaged.
    """
    with open_regular(path) as opened:
        size = os.fstat(opened.fileno()).st_size
        file: BinaryIO = opened
        content = unsealed_content(opened, key)
        if content is not None:
            file, size = io.BytesIO(content), len(content)
        version, header, header_end = _FORMAT.read_header(file, size)
        places, end = _places(header.pop("blocks", None), header_end)
        if version != _VERSIONS[ENDS in places]:
            _FORMAT.refuse(
                f"the gallery's header is not valid: expected {ENDS} only with version 2"
            )
        if size != end + CHECKSUM_BYTES:
            _FORMAT.refuse(
                f"the gallery is truncated or damaged: expected {end + CHECKSUM_BYTES} bytes, "
                f"got {size}"
            )
        if verify:
            _FORMAT.check(file, size)
        if content is None:
            rows: npt.NDArray[np.uint8] = np.memmap(file, dtype=np.uint8, mode="c")
        else:
            rows = np.frombuffer(bytearray(content), np.uint8)  # writable, like a private map
    blocks = {}
    for name, (dtype, shape, first, last) in places.items():
        blocks[name] = np.asarray(rows[first:last]).view(dtype).reshape(shape)
    return header, blocks


def check_header(header: Mapping[str, Any]) -> dict[str, Any]:
    """Check the fields of a gallery header and return them.

    Raises:
        GalleryError: a key is missing or unknown, or a value has the wrong type or is out of range.
    """
    values = _FORMAT.fields(header, _HEADER)
    labels = [values[key] for key in ("model_name", "model_sha256") if values[key] is not None]
    if not (1 <= values["dim"] <= _MAXIMUM_DIM and all(map(is_visible, labels))):
        _FORMAT.refuse(
            f"the gallery's content is not valid: expected dim from 1 to {_MAXIMUM_DIM} and a "
            f"model of visible characters, got {values['dim']} and '{printable(str(labels))}'"
        )
    return values


def check_blocks(blocks: Blocks, *, storage: str, shape: tuple[int, int]) -> None:
    """Check the types and shapes of the blocks of a gallery.

    Args:
        blocks: arrays by name.
        storage: type of the values.
        shape: number of rows, and values of a row with its padding.

    Raises:
        ValueError: a block has another type or shape, or is there for another storage only.
    """
    expected = {
        "values": (storage, shape),
        "scales": ("float32", shape[:1]),
        "logs": ("float32", shape),
        ENDS: ("int64", shape[:1]),
    }
    for name, (dtype, block_shape) in expected.items():
        block = blocks.get(name)
        if block is not None and (block.dtype != dtype or block.shape != block_shape):
            raise ValueError(f"expected {name} as {dtype} {block_shape}, got {block.shape}")
    if ("scales" in blocks) != (storage == "int8"):
        raise ValueError("expected scales with int8 and only then")


def names_in(block: npt.NDArray[np.uint8], num: int) -> list[str]:
    """Return the names of `num` rows from their block.

    Raises:
        ValueError: not as many different names of visible characters.
    """
    joined = block.tobytes().decode()
    names = joined.split("\n") if joined else []
    if not len(names) == len(set(names)) == num or "" in names:
        raise ValueError(f"expected {num} different names, got {len(set(names))}")
    if not is_visible(joined.replace("\n", "")):
        raise ValueError("expected names of visible characters")
    return names


def _places(
    described: object, position: int
) -> tuple[dict[str, tuple[np.dtype[Any], tuple[int, ...], int, int]], int]:
    """Return type, shape, start and end of each block in bytes, and the end of the last block."""
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
