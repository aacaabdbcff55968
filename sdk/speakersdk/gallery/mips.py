"""Symmetric KL as a maximum inner product in 2 D + 2 dimensions, for external vector indexes.

With W = D p and L = ln(D p) for a probe p, and the same for a stored voiceprint q,

    D J(p, q) = <W_p - 1, L_p> + <W_q - 1, L_q> - <W_p - 1, L_q> - <L_p, W_q - 1>

The smallest J is therefore the largest inner product of the query [W_p - 1, L_p, -1, 0] with the
stored vector v = [L_q, W_q - 1, <W_q - 1, L_q>, sqrt(M^2 - |v|^2)]. This is exact for any index of
inner products, such as faiss or a distributed vector database. docs/scoring.md says when and how to
use one.

The last value gives all stored vectors the length M, and the largest inner product is the smallest
distance, too. Approximate indexes (HNSW) need that: they connect neighbors, and the longest vectors
would be everybody's neighbors. M is a power of two, which most exports of one model share; vectors
of another M have exact products, too.
Source: Bachrach et al., Speeding Up the Xbox Recommender System, 2014, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embeddings

_ROWS_TOGETHER: Final = 16384  # rows that are converted in float64 at once


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MipsExport:
    """Stored vectors for an index of inner products.

    Attributes:
        names: name of each vector.
        vectors: (num, 2 D + 2) float32, all of the same length.
    """

    names: tuple[str, ...]
    vectors: npt.NDArray[np.float32]

    @property
    def dim(self) -> int:
        """D, the number of values of an embedding."""
        width: int = self.vectors.shape[1]
        return (width - 2) // 2

    def queries(self, probes: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return the (num, 2 D + 2) float32 query vectors of (num, D) embeddings."""
        logs, weights = _logs_and_weights(self._checked(probes))
        ones = np.ones((len(logs), 1))
        return np.hstack([weights - 1, logs, -ones, 0 * ones]).astype(np.float32)

    def scores(self, probes: npt.ArrayLike, products: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Compute the scores -J from the inner products of an index.

        Args:
            probes: (num, D) embeddings, as given to `queries`.
            products: (num, k) inner products, as the index returned them.

        Returns:
            (num, k) float64; accurate to about 1e-6 if the index computes in float32.
        """
        logs, weights = _logs_and_weights(self._checked(probes))
        own = ((weights - 1) * logs).sum(axis=1, keepdims=True)
        scores: npt.NDArray[np.float64] = (np.asarray(products, np.float64) - own) / self.dim
        return scores

    def _checked(self, probes: npt.ArrayLike) -> npt.NDArray[np.float64]:
        array = np.asarray(probes, np.float64)
        if array.ndim != 2 or array.shape[1] != self.dim or not np.isfinite(array).all():
            raise ValueError(
                f"probes: expected finite rows of {self.dim} values, got shape {array.shape}"
            )
        return array


def mips_vectors(logits: Embeddings) -> npt.NDArray[np.float32]:
    """Return the (num, 2 D + 2) float32 stored vectors of (num, D) logits."""
    num, dim = logits.shape
    vectors = np.empty((num, 2 * dim + 2), np.float32)
    squares = np.empty(num)
    for first in range(0, num, _ROWS_TOGETHER):
        part = slice(first, first + _ROWS_TOGETHER)
        logs, weights = _logs_and_weights(logits[part].astype(np.float64))
        vectors[part, :dim] = logs
        vectors[part, dim:-2] = weights - 1
        vectors[part, -2] = ((weights - 1) * logs).sum(axis=1)
        squares[part] = (vectors[part, :-1].astype(np.float64) ** 2).sum(axis=1)
    length = 2.0 ** np.ceil(np.log2(np.sqrt(squares.max(initial=1.0))))
    vectors[:, -1] = np.sqrt(length**2 - squares)
    return vectors


def _logs_and_weights(
    logits: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return ln(D p) and D p of rows of logits."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).mean(axis=1, keepdims=True))
    return logs, np.exp(logs)
