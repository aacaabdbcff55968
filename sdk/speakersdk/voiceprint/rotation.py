"""Renewable templates: embeddings that a secret rotation hides, for storage that is not sealed.

The rotation is orthogonal and derived from a key. It rotates logits around their mean: the
direction of equal logits, which has no effect on symmetric KL, is unchanged, and so are lengths and
products. Two rotations of one voice cannot be linked, and a new key makes old copies useless.

Symmetric KL is only approximately invariant under rotations: benchmarks/accuracy/rotation.py
measures how much scores in the rotated space differ. `restored` recovers them within 1e-5. A person
who knows D pairs of an embedding and its rotation can undo it, and therefore seal files as well.
Source of the idea: ISO/IEC 24745, and random orthonormal transforms as in A. Teoh et al., "Random
multispace quantization as an analytic mechanism for BioHashing", 2006.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from speakersdk.arguments import checked
from speakersdk.arrays import Embeddings
from speakersdk.errors import ConfigError, IncompatibleModelError
from speakersdk.sealing import SealingKey
from speakersdk.voiceprint.embedding_model import ROTATED
from speakersdk.voiceprint.voiceprint import Voiceprint

_PURPOSE: Final = "rotation"
_SEED_BYTES: Final = 32
_MOST_VALUES: Final = 8192  # the matrix then takes 0.5 GB
_Matrix = npt.NDArray[np.float64]


@checked
class Rotation:
    """A secret rotation of the embeddings of a model. It is not part of `repr`.

    Args:
        seed: 32 secret random bytes.
        dim: number of values of an embedding, from 3 to 8192.

    Attributes:
        dim: number of values of an embedding.
        identifier: identifier that does not reveal the rotation.
    """

    def __init__(self, seed: bytes, dim: int) -> None:
        if len(seed) != _SEED_BYTES or not 3 <= dim <= _MOST_VALUES:
            raise ConfigError(
                f"expected a seed of {_SEED_BYTES} bytes and 3 to {_MOST_VALUES} values, got "
                f"{len(seed)} and {dim}"
            )
        self.dim = dim
        label = b"speakersdk rotation id\0" + dim.to_bytes(4, "little")
        self.identifier = hashlib.sha256(label + seed).hexdigest()
        self._matrix = _matrix(seed, dim)

    @classmethod
    def from_key(cls, key: SealingKey, dim: int) -> Self:
        """Derive a rotation from a key of the keyring, a file or bytes.

        Raises:
            ConfigError: the key is a passphrase.
        """
        return cls(key.derived(_PURPOSE), dim)

    def rotate(self, embeddings: npt.ArrayLike) -> Embeddings:
        """Rotate (D,) or (N, D) float32 logits; their lengths are unchanged."""
        return self._turned(embeddings, self._matrix.T)

    def restore(self, embeddings: npt.ArrayLike) -> Embeddings:
        """Undo `rotate`, up to float32 rounding."""
        return self._turned(embeddings, self._matrix)

    def rotated(self, voiceprint: Voiceprint) -> Voiceprint:
        """Return the voiceprint with rotated exemplars, which no model accepts until restored.

        Raises:
            IncompatibleModelError: it is already rotated, or has embeddings of another size.
        """
        if voiceprint.model_sha256.startswith(ROTATED):
            raise IncompatibleModelError(
                expected="without rotation",
                got=voiceprint.model_sha256[:24],
                remedy="restore it first",
            )
        return self._exchanged(voiceprint, self.rotate, self._label(voiceprint.model_sha256))

    def restored(self, voiceprint: Voiceprint) -> Voiceprint:
        """Return the voiceprint before `rotated`.

        Raises:
            IncompatibleModelError: it is not rotated, or was rotated with another key.
        """
        _, _, sha256 = voiceprint.model_sha256.rpartition(":")
        if voiceprint.model_sha256 != self._label(sha256):
            raise IncompatibleModelError(
                expected=self._label("...")[:24],
                got=voiceprint.model_sha256[:24],
                remedy="restore it with the rotation that rotated it",
            )
        return self._exchanged(voiceprint, self.restore, sha256)

    def _label(self, sha256: str) -> str:
        return f"{ROTATED}{self.identifier[:16]}:{sha256}"

    def _exchanged(
        self,
        voiceprint: Voiceprint,
        turn: Callable[[Embeddings], Embeddings],
        model_sha256: str,
    ) -> Voiceprint:
        return replace(
            voiceprint,
            exemplars=turn(voiceprint.exemplars),
            adapted=turn(voiceprint.adapted),
            model_sha256=model_sha256,
        )

    def _turned(self, embeddings: npt.ArrayLike, matrix: _Matrix) -> Embeddings:
        rows = np.asarray(embeddings, np.float32)
        if rows.shape[-1:] != (self.dim,):
            raise ValueError(f"expected embeddings of {self.dim} values, got shape {rows.shape}")
        turned: Embeddings = (rows.astype(np.float64) @ matrix).astype(np.float32)
        return turned

    def __repr__(self) -> str:
        return f"Rotation(dim={self.dim}, identifier='{self.identifier[:16]}')"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a rotation cannot be pickled or copied; make it from its key again")


def _matrix(seed: bytes, dim: int) -> _Matrix:
    """Return a uniformly random (D, D) orthogonal matrix that keeps vectors of equal values."""
    square = _normals(seed, (dim - 1) ** 2).reshape(dim - 1, dim - 1)
    # The signs make it the Haar distribution: F. Mezzadri, "How to generate random matrices from
    # the classical compact groups", 2007.
    orthogonal, triangle = np.linalg.qr(square)
    inner = np.eye(dim)
    inner[1:, 1:] = orthogonal * np.sign(np.diag(triangle))
    # A Householder reflection that exchanges the first axis and the direction of equal values.
    normal = np.full(dim, 1 / np.sqrt(dim))
    normal[0] -= 1
    reflection = np.eye(dim) - 2 * np.outer(normal, normal) / float(normal @ normal)
    matrix: _Matrix = reflection @ inner @ reflection
    return matrix


def _normals(seed: bytes, num: int) -> npt.NDArray[np.float64]:
    """Return normal deviates that are the same on every machine (Box and Muller, 1958)."""
    half = -(-num // 2)
    stream = hashlib.shake_256(b"speakersdk rotation\0" + seed).digest(16 * half)
    uniform = (np.frombuffer(stream, "<u8") >> np.uint64(11)).astype(np.float64) * 2.0**-53
    radius = np.sqrt(-2 * np.log1p(-uniform[:half]))
    angle = 2 * np.pi * uniform[half:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:num]
