"""Test of one voice: pieces compared with each other, recordings with the rest.

Pieces are split into the two groups that differ most; a low llr between these means two voices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embedding, Embeddings, scaled
from speakersdk.calibration.calibration import Calibration
from speakersdk.scoring import symmetric_kl, symmetric_kl_matrix

# Between a recording and others, and between a stream's recent speech and the speech before it.
OTHER_VOICE_LLR: Final = -0.75
# Between the parts of one recording that differ most: the least of many llrs lies lower. Of 180
# clean recordings of development speakers one has less (benchmarks/accuracy/enrollment.py).
SECOND_VOICE_LLR: Final = -2.0
# Reassigning pieces to the nearer group settles within a few rounds.
_ROUNDS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """Embeddings and the net speech behind each.

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
        """Return the llr of one voice for the chosen pieces and the others."""
        return self._llr(chosen, ~chosen, calibration)

    def llr_to(
        self, number: int, reference: npt.NDArray[np.bool_], calibration: Calibration
    ) -> float:
        """Return the llr of one voice for a piece and the chosen others, or all others if none."""
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
    """Return the llr of one voice for the two groups that differ most; None below two pieces."""
    if len(pieces) < 2:
        return None
    return pieces.llr(_most_different(pieces), calibration)


def llrs_to_the_others(
    recordings: Speech, calibration: Calibration, *, known: int | None = None
) -> list[float | None]:
    """Return each recording's llr to the others of the larger group; None for a single one.

    The groups are the two that differ most. A recording that does not belong is therefore not
    compared with the others, however long it is. If the groups are equal, each recording is
    compared with all others.

    Args:
        recordings: to compare.
        calibration: of their scores.
        known: number of one that is certainly right: its group counts as the larger.
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
    """Return (N,) bool: the pieces of the first of two groups; neither group is empty.

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
    """Whether all coordinates have one sign, which rounding alone can give equal pieces."""
    return bool((coordinate > 0).all() or (coordinate <= 0).all())
