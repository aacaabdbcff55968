"""Integrity of model files: complete, unchanged and without external data.

The file is a protobuf message, ModelProto of onnx.proto. `stamped` adds one metadata property, the
SHA-256 of everything else in the file: graph, weights, manifest and calibration. `check_content`
parses the message before onnxruntime receives the bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Final

from speakersdk.errors import ManifestError

CONTENT_SHA256: Final = "speakersdk.content_sha256"

# Field numbers on the paths from a model to its tensors, by message (onnx.proto).
_METADATA, _KEY, _VALUE = 14, 1, 2
_DATA_LOCATION, _EXTERNAL = 14, 1
_PARTS: Final[Mapping[str, Mapping[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_MAXIMUM_DEPTH: Final = 64  # nesting depth; files of speakersdk-export have 5
# Wire types of protobuf.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# A field: number, value (varints) or None, first byte of the field, first byte of its content, end.
_Field = tuple[int, int | None, int, int, int]


def stamped(content: bytes) -> bytes:
    """Return the model file with the hash of its content, which replaces an existing one."""
    _, rest = _without_stamps(content)
    entry = _entry(_KEY, CONTENT_SHA256.encode()) + _entry(_VALUE, _stamp(rest))
    return b"".join([*rest, _entry(_METADATA, entry)])


def check_content(content: bytes) -> bool:
    """Check the hash of a model file, and that its tensors are not in other files.

    Args:
        content: the bytes of the file.

    Returns:
        Whether the file has a hash. Files of older schemas or without a manifest have none.

    Raises:
        ManifestError: the file is not an ONNX model, is damaged or changed, or needs other files.
    """
    stamps, rest = _without_stamps(content)
    if len(stamps) > 1:
        raise ManifestError(f"expected one property {CONTENT_SHA256}, got {len(stamps)}")
    if stamps and stamps[0] != _stamp(rest):
        raise ManifestError(
            "the model file is damaged or was changed after it was written: its checksum does not "
            "match; get the file again, or export the model again with speakersdk-export model"
        )
    _check_tensors(content, 0, len(content), "model", 0)
    return bool(stamps)


def _stamp(parts: list[memoryview]) -> bytes:
    """Return the value of the property: the hash of the bytes as JSON."""
    checksum = hashlib.sha256()
    for part in parts:
        checksum.update(part)
    return json.dumps(checksum.hexdigest()).encode()


def _without_stamps(content: bytes) -> tuple[list[bytes], list[memoryview]]:
    """Return the hashes in the file, and the parts of the file around them."""
    stamps: list[bytes] = []
    parts: list[memoryview] = []
    view = memoryview(content)
    kept = 0
    for number, value, first, start, end in _fields(content, 0, len(content)):
        if number != _METADATA or value is not None:
            continue
        entry = {key: content[at:to] for key, _, _, at, to in _fields(content, start, end)}
        if not all(map(_is_text, entry.values())):
            raise _no_model()
        if entry.get(_KEY) == CONTENT_SHA256.encode():
            stamps.append(entry.get(_VALUE, b""))
            parts.append(view[kept:first])
            kept = end
    parts.append(view[kept:])
    return stamps, parts


def _check_tensors(content: bytes, start: int, end: int, message: str, depth: int) -> None:
    """Refuse tensors with external data in this message and in nested messages."""
    if depth > _MAXIMUM_DEPTH:
        raise ManifestError(f"expected graphs at most {_MAXIMUM_DEPTH} deep in the model file")
    if message == "tensor":
        for number, value, *_ in _fields(content, start, end):
            if number == _DATA_LOCATION and value == _EXTERNAL:
                raise ManifestError(
                    "expected a model file with all its weights inside, got one that keeps some in "
                    "another file; export the model again with speakersdk-export model"
                )
        return
    parts = _PARTS[message]
    for number, value, _, at, to in _fields(content, start, end):
        if value is None and number in parts:
            _check_tensors(content, at, to, parts[number], depth + 1)


def _fields(content: bytes, start: int, end: int) -> Iterator[_Field]:
    """Yield the fields of the message between two positions.

    Raises:
        ManifestError: the bytes are not a message.
    """
    position = start
    while position < end:
        tag, at = _varint(content, position, end)
        number, wire = tag >> 3, tag & 7
        value = None
        if wire == _VARINT:
            value, to = _varint(content, at, end)
        elif wire == _BYTES:
            size, at = _varint(content, at, end)
            to = at + size
        elif wire in (_FIXED32, _FIXED64):
            to = at + (4 if wire == _FIXED32 else 8)
        else:
            raise _no_model()
        if number == 0 or to > end:
            raise _no_model()
        yield number, value, position, at, to
        position = to


def _varint(content: bytes, position: int, end: int) -> tuple[int, int]:
    """Read a variable-length integer (7 bits per byte, lowest first) and return it with its end."""
    if position < end and content[position] < 0x80:  # the most common case
        return content[position], position + 1
    value = 0
    for index in range(10):  # 64 bits
        if position + index >= end:
            break
        byte = content[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise _no_model()


def _entry(number: int, content: bytes) -> bytes:
    """Encode a field of bytes."""
    size, encoded = len(content), bytearray([number << 3 | _BYTES])
    while size > 0x7F:
        encoded.append(size & 0x7F | 0x80)
        size >>= 7
    encoded.append(size)
    return bytes(encoded) + content


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _no_model() -> ManifestError:
    return ManifestError(
        "the file is not an ONNX model, or it is truncated or damaged; get it again, or export the "
        "model again with speakersdk-export model"
    )
