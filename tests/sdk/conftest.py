"""Fixtures of the SDK's tests: bundled voices, a verifier, models with another manifest."""

from __future__ import annotations

import errno
import json
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from speakersdk import files, locks
from speakersdk.demo_clips import FOLDER
from speakersdk.encoder.content import stamped
from speakersdk.encoder.hop import HopEncoder, HopState
from speakersdk.encoder.manifest import PREFIX
from speakersdk.errors import InferenceError
from speakersdk.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Voice:
    """The clips of one synthetic voice."""

    enroll: tuple[Path, ...]
    probe: Path


@pytest.fixture(scope="session")
def voices() -> dict[str, Voice]:
    """Voices of the bundled clips by name."""
    return {
        name: Voice(
            tuple(sorted(FOLDER.glob(f"{name}-enroll-*.flac"))),
            FOLDER / f"{name}-probe.flac",
        )
        for name in ("awb", "kal16", "rms", "slt")
    }


@pytest.fixture(scope="session")
def verifier(default_model: Path) -> Verifier:
    """A verifier with the bundled model at the default operating point."""
    return Verifier(default_model)


@pytest.fixture
def fail_after() -> Callable[[HopEncoder, int], None]:
    """Function that makes an encoder fail once, as on a lost GPU, after a number of calls."""

    def fail_after(encoder: HopEncoder, num_calls: int) -> None:
        encode = encoder.encode
        calls = iter(range(num_calls))

        def failing(states: Sequence[HopState]) -> None:
            if next(calls, None) is None:
                encoder.encode = encode  # type: ignore[method-assign]
                raise InferenceError("cannot run the model: CUDA failure 999: unknown error")
            encode(states)

        encoder.encode = failing  # type: ignore[method-assign]

    return fail_after


EditModel = Callable[..., Path]


@pytest.fixture
def edit_model(default_model: Path, tmp_path: Path) -> EditModel:
    """Write copies of a model, by default the bundled one, with other fields in the manifest."""

    def edit(model: Path = default_model, **fields: Any) -> Path:
        data = model.read_bytes()
        for field, value in fields.items():
            data += metadata_property(PREFIX + field, json.dumps(value))
        path = tmp_path / f"edited-{len(list(tmp_path.iterdir()))}.onnx"
        path.write_bytes(stamped(data))
        return path

    return edit


def metadata_property(key: str, value: str) -> bytes:
    """One more `metadata_props` entry of an ONNX ModelProto; the last of equal keys counts.

    Field 14 of ModelProto holds entries with key (field 1) and value (field 2). Appending to a
    protobuf message adds to its repeated fields. The tests can therefore edit models without the
    onnx package.
    """
    entry = length_delimited(1, key.encode()) + length_delimited(2, value.encode())
    return length_delimited(14, entry)


def length_delimited(field: int, content: bytes) -> bytes:
    size, encoded = len(content), bytearray([field << 3 | 2])
    while size > 0x7F:
        encoded.append(size & 0x7F | 0x80)
        size >>= 7
    encoded.append(size)
    return bytes(encoded) + content


Elf = Callable[..., bytes]


@pytest.fixture
def elf() -> Elf:
    """Write libraries that need others, by their names."""

    def make(*names: str) -> bytes:
        """Return the smallest ELF file that needs these libraries.

        Addresses are 0x1000 above offsets.
        """
        table = b"\0" + b"".join(name.encode() + b"\0" for name in names)
        starts = [table.index(b"\0" + name.encode() + b"\0") + 1 for name in names]
        headers_at, num_headers = 64, 2
        dynamic_at = headers_at + 56 * num_headers
        dynamic_size = 16 * (len(names) + 2)
        table_at = dynamic_at + dynamic_size
        entries = [(1, start) for start in starts] + [(5, table_at + 0x1000), (0, 0)]
        dynamic = b"".join(struct.pack("<QQ", *entry) for entry in entries)
        total = table_at + len(table)

        def segment(kind: int, offset: int, size: int) -> bytes:
            return struct.pack(
                "<IIQQQQQQ", kind, 4, offset, offset + 0x1000, offset + 0x1000, size, size, 8
            )

        header = b"\x7fELF\x02\x01\x01" + bytes(9)
        header += struct.pack(
            "<HHIQQQIHHHHHH", 3, 62, 1, 0, headers_at, 0, 0, 64, 56, num_headers, 0, 0, 0
        )
        return (
            header + segment(1, 0, total) + segment(2, dynamic_at, dynamic_size) + dynamic + table
        )

    return make


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The branches for Windows in `speakersdk.files` and its locks, with locks of Linux.

    On Windows, a locked file cannot be read through another handle, and an open file cannot be
    replaced or deleted. Linux allows both. Therefore tests check which files are open.
    """
    if sys.platform != "linux":
        pytest.skip("simulates on locks of Linux")
    import fcntl

    def locking(descriptor: int, mode: int, num_bytes: int) -> None:
        assert (mode, num_bytes) == (2, 1)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:  # as reported by the C runtime of Windows
            raise PermissionError(errno.EACCES, "Permission denied") from error

    for module in (files, locks):
        monkeypatch.setattr(module, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setattr(
        locks, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2), raising=False
    )
    monkeypatch.delattr(locks, "fcntl")


OpenFiles = Callable[[Path], set[str]]


@pytest.fixture
def open_files() -> OpenFiles:
    """Function that returns the names of the files of a folder that this process has open."""

    def names(folder: Path) -> set[str]:
        links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        paths = [link.readlink() for link in links if link.is_symlink()]
        return {path.name for path in paths if path.parent == folder}

    return names


StartPython = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start_python() -> StartPython:
    """Function that starts a Python process and waits until it prints "ready"."""

    def start(source: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", source, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    return start
