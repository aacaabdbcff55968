"""A cache of embeddings by audio content, which saves encoding in repeated evaluations.

Embeddings are biometric data. They are cached only in a folder that the user names, in files that
only their owner can read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from speakersdk.audio.channels import Channel
from speakersdk.encoder.interface import Encoding
from speakersdk.files import make_private_folder, open_regular, replacement

_CHECKSUM_BYTES: Final = 32
_MAXIMUM_BYTES: Final = 1 << 20  # embeddings have hundreds of values


class EmbeddingCache:
    """A folder with one file per encoding.

    Args:
        folder: the folder; it is created when needed.
        model_sha256: SHA-256 of the model weights. Each model has its own entries.
    """

    def __init__(self, folder: Path, *, model_sha256: str) -> None:
        self._folder = folder / model_sha256[:16]
        self._model_sha256 = model_sha256

    def key(self, parts: Iterable[tuple[str, int, int | None]], channel: Channel = None) -> str:
        """Return the key of a recording: a hash of model, parts and a chosen channel.

        Args:
            parts: hash of the file, start and length of each.
            channel: the choice; None is the mean of all channels.
        """
        chosen = [] if channel is None else [channel]
        content = repr((self._model_sha256, list(parts), *chosen))
        return hashlib.sha256(content.encode()).hexdigest()

    def get(self, key: str) -> Encoding | None:
        """Return the encoding of a key; None if it is missing or its file is damaged."""
        try:
            with open_regular(self._path(key)) as file:
                data = file.read(_MAXIMUM_BYTES)
        except FileNotFoundError:
            return None
        content = data[:-_CHECKSUM_BYTES]
        if data[len(content) :] != _checksum(key, content) or len(content) % 8:
            return None
        values = np.frombuffer(content, "<f8")
        if len(values) < 4 or values[2] != len(values) - 3:
            return None
        if not (np.abs(values) <= np.finfo(np.float32).max).all():  # also true for NaN
            return None
        return Encoding(values[3:].astype(np.float32), float(values[0]), float(values[1]))

    def put(self, key: str, encoding: Encoding) -> None:
        """Store an encoding. Several processes may store the same one at the same time."""
        path = self._path(key)
        make_private_folder(path.parent)
        numbers = [encoding.speech_s, encoding.duration_s, len(encoding.embedding)]
        content = np.concatenate([numbers, encoding.embedding]).astype("<f8").tobytes()
        with replacement(path, is_durable=False) as file:
            file.write(content + _checksum(key, content))

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.f64"


def _checksum(key: str, content: bytes) -> bytes:
    """Return a SHA-256 that also detects the file of another recording."""
    return hashlib.sha256(key.encode() + content).digest()
