"""A cohort: embeddings of other people, which reveal recordings that resemble many strangers.

The nearness of an embedding is the mean score with the most similar members of the cohort. Two
strangers may share properties that are not the voice: a telephone, few words, a noisy room. If the
cohort contains such speech, they share these properties with some of its members as well. The
nearness then predicts how high the scores of strangers are, and thresholds depend on it
(docs/adr/0012-promise.md).

Source: the cohort of adaptive s-norm, S. Cumani et al., "Comparison of speaker recognition
approaches for real applications", 2011.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from speakersdk.errors import ConfigError

_MOST_NATS: Final = 1e6  # larger than the divergence of any two embeddings


class Nearness(NamedTuple):
    """The nearness of the two sides of a trial to the cohort, in nats.

    Attributes:
        excess: nearness of both sides together in excess of a typical pair.
        distance: distance of their conditions; 0 means the same condition.
        telephone: how much nearer both sides are to speech by telephone than to other speech; 0
            if one of them is not nearer.
    """

    excess: float
    distance: float
    telephone: float = 0.0


# Two typical recordings in the same condition, or any two without a cohort.
TYPICAL: Final = Nearness(0.0, 0.0, 0.0)


def pair_nearness(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the (..., 3) `Nearness` of pairs of `Cohort.nearness` rows, (..., K) each."""
    gaps = a[..., 2:] - b[..., 2:]
    distance = np.sqrt(np.add.reduce(gaps * gaps, axis=-1))
    telephone = np.maximum(np.minimum(a[..., 1], b[..., 1]), 0.0)
    return np.stack([a[..., 0] + b[..., 0], distance, telephone], axis=-1)


def pairs(
    enrolled: npt.NDArray[np.float64], probes: npt.NDArray[np.float64]
) -> list[list[Nearness]]:
    """Return, for each of (M, K) probe rows, its nearness with each of (N, K) enrolled rows."""
    found = pair_nearness(enrolled, probes[:, np.newaxis]).tolist()
    return [[Nearness(*pair) for pair in row] for row in found]


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """The members of a cohort and its parameters, which are stored as JSON.

    Attributes:
        rows: base64 of (N, D) float16 embeddings, little-endian, row by row.
        embedding_dim: D, the length of the embeddings.
        nearest: number of members in the mean; half as many within one condition.
        conditions: number of conditions; the rows are the same people in each condition in turn.
        telephone: index of the condition that is speech by telephone; None means there is none.
        typical: nearness of a typical recording, which is subtracted.
    """

    rows: str
    embedding_dim: int
    nearest: int
    conditions: int = 1
    telephone: int | None = None
    typical: float = 0.0

    def __post_init__(self) -> None:
        """Refuse invalid values.

        Raises:
            ConfigError: a value is invalid; the message names it.
        """
        try:
            num_bytes = len(base64.b64decode(self.rows, validate=True))
        except (binascii.Error, TypeError, ValueError) as error:
            raise ConfigError(f"expected the rows of a cohort in base64, got {error}") from error
        counts = (self.embedding_dim, self.nearest, self.conditions)
        if not all(type(count) is int and count > 0 for count in counts):
            raise ConfigError(f"expected whole numbers above 0 of a cohort, got {counts}")
        num_rows, rest = divmod(num_bytes, 2 * self.embedding_dim)
        if rest or num_rows % self.conditions or self.nearest > num_rows // self.conditions:
            raise ConfigError(
                f"expected a cohort of whole rows of {self.embedding_dim} values, at least "
                f"{self.nearest} for each of {self.conditions} conditions, got {num_bytes} bytes"
            )
        telephone = self.telephone
        if telephone is not None and not (
            type(telephone) is int and 0 <= telephone < self.conditions
        ):
            raise ConfigError(
                f"expected the number of a condition below {self.conditions} as that by telephone, "
                f"got {telephone!r:.20}"
            )
        if not (type(self.typical) is float and abs(self.typical) < _MOST_NATS):
            raise ConfigError(f"expected a usual nearness in nats, got {self.typical!r:.20}")
        if not np.isfinite(self._logits).all():
            raise ConfigError("expected finite embeddings in the cohort")

    @classmethod
    def of(
        cls,
        embeddings: npt.ArrayLike,
        *,
        nearest: int,
        conditions: int = 1,
        telephone: int | None = None,
        typical: float = 0.0,
    ) -> Cohort:
        """Make a cohort of (N, D) embeddings, ordered by condition."""
        rows = np.asarray(embeddings, "<f2")
        return cls(
            rows=base64.b64encode(rows.tobytes()).decode("ascii"),
            embedding_dim=rows.shape[1],
            nearest=nearest,
            conditions=conditions,
            telephone=telephone,
            typical=typical,
        )

    def __len__(self) -> int:
        return len(self._logits)

    def nearness(self, embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Compute the nearness of embeddings to the cohort.

        Args:
            embeddings: (B, D) float32

        Returns:
            (B, 2 + conditions): first the mean score with the most similar members minus the
            typical one; from the third column on those within each condition, minus their mean. The
            second column repeats that of the telephone; it is 0 if there is none.
        """
        logits = np.asarray(embeddings, np.float32)
        own = _softmax(logits)
        # J = sum (p - q)(z_p - z_q), as two products for all members at once. Embeddings differ by
        # far more than the rounding error here; `scoring` has the exact form for pairs.
        left = np.concatenate([own, logits], axis=1)
        scores = left @ self._columns
        scores -= np.add.reduce(own * logits, axis=1, keepdims=True) + self._terms
        near = np.empty((len(logits), 2 + self.conditions))
        near[:, 0] = _mean_of_largest(scores, self.nearest)
        near[:, 0] -= self.typical
        parts = scores.reshape(len(logits), self.conditions, -1)
        each = _mean_of_largest(parts, max(1, self.nearest // 2))
        near[:, 2:] = each - each.mean(axis=1, keepdims=True)
        near[:, 1] = 0.0 if self.telephone is None else near[:, 2 + self.telephone]
        return near

    @cached_property
    def _logits(self) -> npt.NDArray[np.float32]:
        values = np.frombuffer(base64.b64decode(self.rows), "<f2")
        return values.reshape(-1, self.embedding_dim).astype(np.float32)

    @cached_property
    def _columns(self) -> npt.NDArray[np.float32]:
        """The (2 D, N) factor by which [p, z] is multiplied."""
        return np.ascontiguousarray(
            np.concatenate([self._logits, _softmax(self._logits)], axis=1).T
        )

    @cached_property
    def _terms(self) -> npt.NDArray[np.float32]:
        terms: npt.NDArray[np.float32] = (self._logits * _softmax(self._logits)).sum(axis=1)
        return terms


def _mean_of_largest(values: npt.NDArray[np.float32], number: int) -> npt.NDArray[np.float64]:
    """Return the mean of the largest values along the last axis."""
    largest = np.partition(values, -number, axis=-1)[..., -number:]
    mean: npt.NDArray[np.float64] = np.add.reduce(largest, axis=-1, dtype=np.float64) / number
    return mean


def _softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    highest: npt.NDArray[np.float32] = np.maximum.reduce(logits, axis=1, keepdims=True)
    powers = np.exp(logits - highest)
    total: npt.NDArray[np.float32] = np.add.reduce(powers, axis=1, keepdims=True)
    shares: npt.NDArray[np.float32] = powers / total
    return shares
