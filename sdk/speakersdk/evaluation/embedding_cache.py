"""Embeddings kept by the content they were made of, so that an evaluation need not encode twice.

An embedding is biometric data: nothing is kept unless a folder is named, and files are readable by
their owner alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from speakersdk.encoder.interface import Encoding
from speakersdk.files import open_regular, replacement

_MAXIMUM_BYTES: Final = 1 << 20  # embeddings have hundreds of values


class EmbeddingCache:
    """A folder of encodings of one model, one file each.

    Args:
        folder: made when the first encoding is kept.
        model_sha256: hash of the model's weights; another model finds nothing of this one.
    """

    def __init__(self, folder: Path, *, model_sha256: str) -> None:
        self._folder = folder / model_sha256[:16]
        self._model_sha256 = model_sha256

    def key(self, parts: Iterable[tuple[str, int, int | None]]) -> str:
        """Name of a recording: hash of the model and of (file hash, start, length) of its parts."""
        return hashlib.sha256(repr((self._model_sha256, list(parts))).encode()).hexdigest()

    def get(self, key: str) -> Encoding | None:
        """The encoding kept under a key; None if there is none, or a file that is damaged."""
        try:
            with open_regular(self._path(key)) as file:
                data = file.read(_MAXIMUM_BYTES)
        except FileNotFoundError:
            return None
        values = np.frombuffer(data[: len(data) // 8 * 8], "<f8")
        if len(values) < 4 or 8 * len(values) != len(data) or values[2] != len(values) - 3:
            return None
        if not (np.abs(values) <= np.finfo(np.float32).max).all():  # nor where it is NaN
            return None
        return Encoding(values[3:].astype(np.float32), float(values[0]), float(values[1]))

    def put(self, key: str, encoding: Encoding) -> None:
        """Keep an encoding; several processes may keep the same one at once."""
        path = self._path(key)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        numbers = [encoding.speech_s, encoding.duration_s, len(encoding.embedding)]
        with replacement(path, is_durable=False) as file:
            np.concatenate([numbers, encoding.embedding]).astype("<f8").tofile(file)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.f64"
