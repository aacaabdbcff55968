from __future__ import annotations

import hashlib
import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speakersdk.errors import ConfigError, GalleryError
from speakersdk.gallery.file import MAGIC, check_header, read_gallery, write_gallery
from speakersdk.gallery.gallery import Gallery

BLOCKS = {
    "names": np.frombuffer(b"ann\nbob", np.uint8),
    "values": np.arange(32, dtype=np.float16).reshape(2, 16),
    "logs": np.arange(32, dtype=np.float32).reshape(2, 16),
    "scales": np.empty(0, np.float32),
}


@pytest.fixture(name="path")
def fixture_path(tmp_path: Path) -> Path:
    path = tmp_path / "voices.gallery"
    write_gallery(path, {"dim": 10}, BLOCKS)
    return path


def with_header(header: Any, blocks: bytes = b"") -> bytes:
    """Return a file with any content of the header and a correct checksum."""
    content = json.dumps(header).encode()
    data = struct.pack("<8sII", MAGIC, 1, len(content)) + content
    data += hashlib.sha256(data).digest()
    data += blocks
    return data + hashlib.sha256(data).digest()


@pytest.mark.parametrize("verify", [True, False])
def test_what_was_written_is_read(path: Path, verify: bool) -> None:
    header, blocks = read_gallery(path, verify=verify)
    assert header == {"dim": 10}
    assert list(blocks) == list(BLOCKS)
    for name, block in BLOCKS.items():
        assert blocks[name].dtype == block.dtype
        assert np.array_equal(blocks[name], block)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_file_is_mapped_and_never_changed(path: Path) -> None:
    before = path.read_bytes()
    _, blocks = read_gallery(path, verify=True)
    assert isinstance(blocks["values"].base, np.ndarray)  # a view of the mapping
    assert blocks["values"].ctypes.data % 64 == 0
    blocks["values"][:] = -1
    assert path.read_bytes() == before


def test_every_truncation_is_refused(path: Path) -> None:
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(GalleryError):
            read_gallery(path, verify=False)
    path.write_bytes(data + b"\0")
    with pytest.raises(GalleryError, match=r"truncated or damaged: expected \d+ bytes"):
        read_gallery(path, verify=False)


def test_every_flipped_bit_is_refused(path: Path) -> None:
    data = path.read_bytes()
    for position in range(len(data)):
        for bit in (0, 3, 7):
            damaged = bytearray(data)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            with pytest.raises(GalleryError):
                read_gallery(path, verify=True)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"\x89SPKV\r\n\x1a" + bytes(200)])
def test_foreign_files_are_refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(GalleryError, match=r"^not a gallery: expected a file "):
        read_gallery(path, verify=True)


def test_other_versions_are_named(path: Path) -> None:
    path.write_bytes(struct.pack("<8sII", MAGIC, 3, 2) + b"{}" + bytes(64))
    with pytest.raises(
        GalleryError, match=r"version 2 or lower, got 3; install a speakersdk version that"
    ):
        read_gallery(path, verify=True)


@pytest.mark.parametrize(
    "header",
    [
        [],
        {},
        {"blocks": 1},
        {"blocks": [{"name": "a", "type": "float64", "shape": []}]},
        {"blocks": [{"name": "a", "type": "int8", "shape": [-1]}]},
        {"blocks": [{"name": "a", "type": "int8", "shape": [1.5]}]},
        {"blocks": [{"name": "a", "type": "int8", "shape": [True]}]},
        {"blocks": [{"name": "a", "type": "int8", "shape": [2**47, 2**47]}]},
    ],
)
def test_headers_that_say_nonsense_are_refused(path: Path, header: Any) -> None:
    path.write_bytes(with_header(header))
    with pytest.raises(GalleryError, match=r"header|truncated"):
        read_gallery(path, verify=True)


def test_only_version_2_has_ends(path: Path) -> None:
    write_gallery(path, {"dim": 10}, {**BLOCKS, "ends": np.array([0, 1], np.int64)})
    data = bytearray(path.read_bytes())
    assert data[8] == 2
    header_end = 16 + struct.unpack_from("<I", data, 12)[0]
    data[8] = 1
    data[header_end : header_end + 32] = hashlib.sha256(data[:header_end]).digest()
    path.write_bytes(data)
    with pytest.raises(GalleryError, match="expected ends only with version 2"):
        read_gallery(path, verify=False)


def test_nothing_is_left_of_a_failed_write(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        write_gallery(tmp_path / "a.gallery", {}, {"values": np.ones(3)})  # float64
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"dim": 0},
        {"dim": 2**40},
        {"dim": True},
        {"dim": "5"},
        {"num": 2.0},
        {"num": None},
        {"storage": 1},
        {"is_narrow": 1},
        {"model_name": "red\x1b[31m"},
        {"model_sha256": 5},
        {"surprise": 1},
    ],
)
def test_every_field_of_the_header_has_its_type(changes: dict[str, Any]) -> None:
    header = {
        "dim": 5, "storage": "float32", "num": 2, "is_narrow": True, "model_name": None,
        "model_sha256": None,
    }  # fmt: skip
    assert check_header(header) == header
    with pytest.raises(GalleryError, match="content is not valid"):
        check_header({**header, **changes})


@pytest.mark.parametrize("name", ["red\x1b[31m", "bob\ufe0f", "bob\u3164", "\u202ebob"])
def test_names_that_hide_something_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.gallery"
    gallery = Gallery.from_embeddings(np.eye(2, 5), names=["ann", "xxx"])
    gallery.save(path)
    header, blocks = read_gallery(path, verify=True)
    blocks["names"] = np.frombuffer(f"ann\n{name}".encode(), np.uint8)
    write_gallery(path, header, blocks)
    with pytest.raises(GalleryError, match="visible characters"):
        Gallery.load(path)
    with pytest.raises(ConfigError, match="printable name") as caught:
        gallery.add(name, np.eye(5)[4])
    assert str(caught.value).isprintable()


def test_a_pipe_is_not_a_gallery(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.gallery")
    with pytest.raises(OSError, match="expected a regular file"):
        read_gallery(tmp_path / "a.gallery", verify=True)
