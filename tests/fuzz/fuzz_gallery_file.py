"""Any bytes as a gallery file: it is read, or GalleryError or SealError says why not.

Half of the inputs are the tail of an intact file with its checksums made right again so that the
fuzzer comes past them.
"""

from __future__ import annotations

import hashlib
import struct
import tempfile
from pathlib import Path

import numpy as np
from fuzz_driver import fuzz

from speakersdk.errors import GalleryError, SealError
from speakersdk.gallery.file import MAGIC
from speakersdk.gallery.gallery import Gallery

FOLDER = tempfile.TemporaryDirectory(prefix="speakersdk-fuzz-")
PATH = Path(FOLDER.name) / "fuzzed.gallery"
HEADER = (
    b'{"blocks":[{"name":"names","shape":[3],"type":"bytes"},'
    b'{"name":"values","shape":[2,16],"type":"float32"}],"dim":5,"is_narrow":true,'
    b'"model_name":null,"model_sha256":null,"num":2,"storage":"float32"}'
)


def with_checksums(header: bytes, blocks: bytes) -> bytes:
    """Return a file with correct checksums, whatever it contains."""
    data = struct.pack("<8sII", MAGIC, 1, len(header)) + header
    data += hashlib.sha256(data).digest()
    data += blocks
    return data + hashlib.sha256(data).digest()


def target(data: bytes) -> None:
    """Read the bytes as a file, and use what was read."""
    if data[:1] < b"\x80":
        content = data[1:]
    else:
        header = bytearray(HEADER)
        changes, blocks = data[1:9], data[9:]
        for position, value in zip(changes[::2], changes[1::2], strict=False):
            header[position % len(header)] = value
        content = with_checksums(bytes(header), blocks)
    PATH.write_bytes(content)
    try:
        gallery = Gallery.load(PATH)
    except (GalleryError, SealError):  # a sealed file is refused without its key
        return
    probe = np.zeros(gallery.dim, np.float32)
    gallery.search(probe, 3)
    gallery.score_all(probe)
    gallery.save(PATH.with_suffix(".saved"))


def seed() -> list[bytes]:
    """Return intact files."""
    gallery = Gallery.from_embeddings(np.eye(3, 5))
    gallery.save(PATH)
    padding = bytes(-(16 + len(HEADER) + 32) % 64)
    values = np.zeros((2, 16), np.float32).tobytes()
    blocks = padding + b"a\nb" + bytes(-3 % 64) + values
    return [b"\0" + PATH.read_bytes(), b"\x80" + bytes(8) + blocks, b"\0"]


if __name__ == "__main__":
    fuzz(target, seed())
