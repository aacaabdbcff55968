"""Any bytes as a file of embeddings (.npz): it is read, or ConfigError or SealError says why not.

Half of the inputs change the arrays of an intact file, in a new archive.
"""

from __future__ import annotations

import io
import tempfile
import warnings
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile

import numpy as np
from fuzz_driver import fuzz

from speakersdk.errors import ConfigError, SealError
from speakersdk.evaluation.embedding_table import EmbeddingTable, read_embeddings, write_embeddings

FOLDER = tempfile.TemporaryDirectory(prefix="speakersdk-fuzz-")
PATH = Path(FOLDER.name) / "fuzzed.npz"
write_embeddings(
    PATH,
    EmbeddingTable(
        names=("ann", "bob"),
        sources=("a.wav", "b.wav"),
        embeddings=np.eye(2, 3, dtype=np.float32),
        speech_s=np.array([1.0, 2.0]),
        duration_s=np.array([1.5, 2.5]),
        model_name="m",
        model_sha256="ab" * 32,
    ),
)
INTACT = PATH.read_bytes()
with ZipFile(io.BytesIO(INTACT)) as archive:
    ARRAYS = {name: archive.read(name) for name in archive.namelist()}
NAMES = sorted(ARRAYS)


def target(data: bytes) -> None:
    """Read the bytes as a file, and use the result."""
    choice, rest = data[:1] or b"\0", data[1:]
    content = rest
    if choice >= b"\x80":
        name = NAMES[choice[0] % len(NAMES)]
        array = bytearray(ARRAYS[name])
        at = int.from_bytes(rest[:2], "little") % (len(array) + 1)
        cut = rest[2] % 8 if len(rest) > 2 else 0
        array[at : at + cut] = rest[3:]
        file = io.BytesIO()
        with warnings.catch_warnings(), ZipFile(file, "w", ZIP_STORED) as changed:
            for each in NAMES:
                changed.writestr(each, bytes(array) if each == name else ARRAYS[each])
        content = file.getvalue()
    PATH.write_bytes(content)
    try:
        table = read_embeddings(PATH)
    except (ConfigError, SealError) as error:
        if not str(error).isprintable():
            raise AssertionError(f"unprintable message: {str(error)!r}") from error
        return
    assert len(table) == len(table.embeddings)
    assert np.isfinite(table.embeddings).all()


def seeds() -> list[bytes]:
    """Return an intact file, changes of each array, and an empty file."""
    changes = [bytes([0x80 + number, 70, 0, 1]) + b"7" for number in range(len(NAMES))]
    return [b"\0" + INTACT, *changes, b"\0", b"\0PK\5\6" + bytes(18)]


if __name__ == "__main__":
    fuzz(target, seeds())
