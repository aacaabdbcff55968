"""The container refuses anything that differs from what a writer wrote."""

from __future__ import annotations

import hashlib
import io
import struct
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakersdk.container import MAXIMUM_HEADER_BYTES, ContainerFormat, ContainerWriter
from speakersdk.errors import VoiceprintError
from speakersdk.sealing import SealingKey

PLAIN = ContainerFormat(
    noun="thing", magic=b"\x89THING\r\n", versions=(1, 2), error=VoiceprintError
)
CHECKED = ContainerFormat(
    noun="thing",
    magic=b"\x89THING\r\n",
    versions=(1,),
    error=VoiceprintError,
    has_header_checksum=True,
)
FORMATS = [PLAIN, CHECKED]
HEADERS = st.dictionaries(
    st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=5), max_size=4
)


def written(container_format: ContainerFormat, header: dict[str, Any], content: bytes) -> bytes:
    file = io.BytesIO()
    writer = ContainerWriter(file, container_format, 1, header)
    writer.put(content)
    writer.close()
    return file.getvalue()


def test_a_sealed_file_is_not_called_another_file() -> None:
    sealed = SealingKey.from_bytes(bytes(32)).seal(written(PLAIN, {}, b"x"))
    with pytest.raises(VoiceprintError, match="a plain thing, got a sealed file; open it with its"):
        PLAIN.read_header(io.BytesIO(sealed), len(sealed))


def read(container_format: ContainerFormat, data: bytes) -> tuple[dict[str, Any], bytes]:
    file = io.BytesIO(data)
    _, header, position = container_format.read_header(file, len(data))
    container_format.check(file, len(data))
    return header, data[position:-32]


def sealed(header: bytes, *, num_bytes: int | None = None, version: int = 1) -> bytes:
    """Return a file with a correct checksum and any header."""
    length = len(header) if num_bytes is None else num_bytes
    body = struct.pack("<8sII", PLAIN.magic, version, length) + header
    return body + hashlib.sha256(body).digest()


@pytest.mark.parametrize("container_format", FORMATS)
@given(header=HEADERS, content=st.binary(max_size=50))
def test_what_was_written_is_read(
    container_format: ContainerFormat, header: dict[str, Any], content: bytes
) -> None:
    assert read(container_format, written(container_format, header, content)) == (header, content)


@pytest.mark.parametrize("container_format", FORMATS)
@given(data=st.data())
def test_every_change_is_noticed(container_format: ContainerFormat, data: st.DataObject) -> None:
    good = written(container_format, {"key": "value"}, b"content")
    changed = bytearray(good)
    start = data.draw(st.integers(0, len(good)))
    changed[start : start + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    if changed == good:
        return
    with pytest.raises(VoiceprintError):
        read(container_format, bytes(changed))


@given(st.binary(max_size=60))
def test_any_bytes_give_an_error_of_the_format(data: bytes) -> None:
    for prefix in (b"", PLAIN.magic, PLAIN.magic + b"\1\0\0\0"):
        with pytest.raises(VoiceprintError):
            read(PLAIN, prefix + data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (sealed(b"{}", version=3), "version 2 or lower, got 3; install"),
        (sealed(b"{}", num_bytes=3), "header ends after the file"),
        (sealed(b"{}", num_bytes=MAXIMUM_HEADER_BYTES + 1), "header of at most 1048576 bytes"),
        (sealed(b"{}", num_bytes=2**32 - 1), "header of at most"),
        (sealed(b"{"), "not JSON"),
        (sealed(b"\xff"), "not JSON"),
        (sealed(b"[" * 100_000), "not JSON"),
        (sealed(b'{"a": NaN}'), "expected numbers, got NaN"),
        (sealed(b'{"a": ' + b"9" * 5000 + b"}"), "not JSON"),
        (sealed(b"[]"), "not a JSON object"),
    ],
)
def test_headers_that_cannot_be_read_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(VoiceprintError, match=message):
        read(PLAIN, data)


def test_a_header_is_bounded_before_it_is_read() -> None:
    data = sealed(b"[" + b"[]," * 400_000, num_bytes=2**31)
    tracemalloc.start()
    with pytest.raises(VoiceprintError, match="header of at most"):
        read(PLAIN, data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * len(data)
    with pytest.raises(ValueError, match="header of at most"):
        written(PLAIN, {"key": "x" * MAXIMUM_HEADER_BYTES}, b"")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({}, "the keys flag, name, num, score, got nothing"),
        ({"num": 1, "score": 1.0, "name": "a"}, "the keys"),
        ({"num": 1, "score": 1.0, "name": "a", "flag": True, "\x1b": 0}, r"\\x1b"),
        ({"num": True, "score": 1.0, "name": "a", "flag": True}, "num .* int, got bool"),
        ({"num": 1.0, "score": 1.0, "name": "a", "flag": True}, "num .* int, got float"),
        ({"num": 1, "score": True, "name": "a", "flag": True}, "score .* float, got bool"),
        ({"num": 1, "score": "1", "name": "a", "flag": True}, "score .* float, got str"),
        ({"num": 1, "score": 1.0, "name": 5, "flag": True}, "name .* got int"),
        ({"num": 1, "score": 1.0, "name": "a", "flag": 1}, "flag .* bool, got int"),
    ],
)
def test_every_field_has_its_type(header: dict[str, Any], message: str) -> None:
    types = {"num": int, "score": float, "name": str | None, "flag": bool}
    good = {"num": 1, "score": 2, "name": None, "flag": False}
    assert PLAIN.fields(good, types) == good
    with pytest.raises(VoiceprintError, match=message):
        PLAIN.fields(header, types)
