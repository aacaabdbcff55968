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
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from speakersdk import _native
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
    found: npt.NDArray[np.float64] = np.empty((*gaps.shape[:-1], 3))
    np.add(a[..., 0], b[..., 0], out=found[..., 0])
    np.sqrt(np.add.reduce(gaps * gaps, axis=-1), out=found[..., 1])
    np.maximum(np.minimum(a[..., 1], b[..., 1]), 0.0, out=found[..., 2])
    return found


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
        if not np.isfinite(self._logits()).all():
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

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)  # copies prepare the members again

    def nearness(self, embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Compute the nearness of embeddings to the cohort.

        Args:
            embeddings: (B, D) float32

        Returns:
            (B, 2 + conditions): first the mean score with the most similar members minus the
            typical one; from the third column on those within each condition, minus their mean. The
            second column repeats that of the telephone; it is 0 if there is none.
        """
        return self._members.nearness(embeddings)

    @cached_property
    def _members(self) -> _native.Cohort:
        """The members as the compiled module compares them."""
        logits = self._logits().astype(np.float32)
        return _native.Cohort(logits, self.conditions, self.nearest, self.telephone, self.typical)

    def _logits(self) -> npt.NDArray[np.float16]:
        return np.frombuffer(base64.b64decode(self.rows), "<f2").reshape(-1, self.embedding_dim)
