"""A test for a single voice: it compares pieces with each other, and recordings with the others.

Pieces are split into the two most different groups; a low llr between these means two voices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embedding, Embeddings, scaled
from speakersdk.calibration.calibration import Calibration
from speakersdk.scoring import symmetric_kl, symmetric_kl_matrix

# Minimum llr of a recording and the others, and of recent speech and the speech before it.
OTHER_VOICE_LLR: Final = -0.75
# Minimum llr of the two most different parts of a recording; the lowest of many llrs is lower. Of
# 180 clean recordings by development speakers, one is below it (benchmarks/accuracy/enrollment.py).
SECOND_VOICE_LLR: Final = -2.0
# The reassignment of pieces to the nearer group converges within a few rounds.
_ROUNDS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """Embeddings and the net speech of each.

    Attributes:
        embeddings: (N, D) float32, each of length T.
        speech_s: (N,) float64 seconds.
    """

    embeddings: Embeddings
    speech_s: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.embeddings)

    def pooled(self, chosen: npt.NDArray[np.bool_]) -> Embedding:
        """Return the (D,) mean of the chosen embeddings, weighted by speech and scaled to T."""
        length = float(np.linalg.norm(self.embeddings[0]))
        return scaled(self.speech_s[chosen] @ self.embeddings[chosen], length)

    def llr(self, chosen: npt.NDArray[np.bool_], calibration: Calibration) -> float:
        """Return the llr that the chosen pieces and the others are one voice."""
        return self._llr(chosen, ~chosen, calibration)

    def llr_to(
        self, number: int, reference: npt.NDArray[np.bool_], calibration: Calibration
    ) -> float:
        """Return the llr that a piece and the chosen others (all if none) are one voice."""
        one = np.arange(len(self)) == number
        others = reference & ~one
        return self._llr(one, others if others.any() else ~one, calibration)

    def _llr(
        self, a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_], calibration: Calibration
    ) -> float:
        return calibration.llr(
            -symmetric_kl(self.pooled(a), self.pooled(b)),
            enrolled_speech_s=float(self.speech_s[a].sum()),
            probe_speech_s=float(self.speech_s[b].sum()),
        )


def least_cohesion(pieces: Speech, calibration: Calibration) -> float | None:
    """Return the llr that the two most different groups are one voice; None below two pieces."""
    if len(pieces) < 2:
        return None
    return pieces.llr(_most_different(pieces), calibration)


def llrs_to_the_others(
    recordings: Speech, calibration: Calibration, *, known: int | None = None
) -> list[float | None]:
    """Return each recording's llr with the larger group's others; None for a single one.

    The groups are the two most different ones. A recording that does not belong is therefore not
    compared with the others, however long it is. If the groups are equal, each recording is
    compared with all others.

    Args:
        recordings: the recordings to compare.
        calibration: calibration of their scores.
        known: index of a recording that is known to be right: its group counts as the larger one.
    """
    if len(recordings) < 2:
        return [None]
    in_first = _most_different(recordings)
    if known is not None:
        reference = in_first == in_first[known]
    elif 2 * in_first.sum() == len(recordings):
        reference = np.ones(len(recordings), np.bool_)
    else:
        reference = in_first == (2 * in_first.sum() > len(recordings))
    return [recordings.llr_to(number, reference, calibration) for number in range(len(recordings))]


def _most_different(pieces: Speech) -> npt.NDArray[np.bool_]:
    """Return (N,) bool, whether each piece is in the first of two non-empty groups.

    The split starts from the sign of the first principal coordinate of the scores (J. C. Gower,
    "Some distance properties of latent root and vector methods", Biometrika 1966).
    """
    scores = -symmetric_kl_matrix(pieces.embeddings, pieces.embeddings)
    centred = scores - scores.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    coordinate = np.linalg.eigh((centred + centred.T) / 2).eigenvectors[:, -1]
    in_first = coordinate > np.median(coordinate) if _one_sided(coordinate) else coordinate > 0
    for _ in range(_ROUNDS):
        groups = np.stack([pieces.pooled(in_first), pieces.pooled(~in_first)])
        to_first, to_second = symmetric_kl_matrix(groups, pieces.embeddings)
        nearer = to_first < to_second
        if nearer.all() or not nearer.any() or (nearer == in_first).all():
            break
        in_first = nearer
    return in_first


def _one_sided(coordinate: npt.NDArray[np.float64]) -> bool:
    """Return whether all coordinates have one sign, which rounding can cause for equal pieces."""
    return bool((coordinate > 0).all() or (coordinate <= 0).all())
