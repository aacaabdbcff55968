"""A test for a single voice: it compares parts of a recording, and recordings with the others.

pieces -> every split in time, and the best split into two groups -> the two parts with the lowest
LLR of one voice -> two voices if it is low
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embedding, Embeddings
from speakersdk.calibration.calibration import Calibration
from speakersdk.scoring import symmetric_kl, symmetric_kl_matrix

# Minimum LLR of a recording and the others, and of recent speech and the speech before it.
OTHER_VOICE_LLR: Final = -0.75
# Minimum LLR of the two most different parts of a recording; the lowest of many LLRs is lower.
# `python -m benchmarks.voices.second_voice --fit` fits it and writes it here.
SECOND_VOICE_LLR: Final = -2.3
# Minimum speech of a part, and speech of the windows that are put into two groups. Shorter parts
# say little about a voice, and longer windows mix turns: of recordings of 8 s with turns of 2 s,
# 70 % were noticed with windows of 1 s, 63 % with 1.4 s and 53 % with 2 s.
_PART_S: Final = 1.0
# The reassignment of windows to the nearer group converges within a few rounds.
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
        embeddings, _ = self.parted(chosen[np.newaxis])
        pooled: Embedding = embeddings[0]
        return pooled

    def parted(self, chosen: npt.NDArray[np.bool_]) -> tuple[Embeddings, npt.NDArray[np.float64]]:
        """Return the pooled embedding and the speech of each choice.

        Args:
            chosen: (M, N) bool; the embedding of an empty row is zero.

        Returns:
            (M, D) float32 embeddings and (M,) float64 seconds of speech.
        """
        weights = chosen * self.speech_s
        sums = weights @ self.embeddings
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        length = np.linalg.norm(self.embeddings[0])
        scale = np.divide(length, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        return (sums * scale).astype(np.float32), weights.sum(axis=1)

    def llr(
        self, a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_], calibration: Calibration
    ) -> float:
        """Return the LLR that two choices of pieces are one voice."""
        (one, other), (one_s, other_s) = self.parted(np.stack([a, b]))
        return calibration.llr(
            -symmetric_kl(one, other),
            enrolled_speech_s=float(one_s),
            probe_speech_s=float(other_s),
        )

    def llr_to(
        self, number: int, reference: npt.NDArray[np.bool_], calibration: Calibration
    ) -> float:
        """Return the LLR that a piece and the chosen others (all if none) are one voice."""
        one = np.arange(len(self)) == number
        others = reference & ~one
        return self.llr(one, others if others.any() else ~one, calibration)


class PieceEmbeddings(Protocol):
    """The embeddings of the successive pieces of one recording, in order of time."""

    @property
    def embeddings(self) -> Embeddings:
        """(N, D) float32, each of length T."""

    @property
    def speech_s(self) -> npt.NDArray[np.float64]:
        """(N,) float64, net speech of each piece in seconds."""


def one_voice_llr(pieces: PieceEmbeddings | None, calibration: Calibration | None) -> float | None:
    """Return the LLR that the two most different parts of a recording are one voice.

    The result is None without pieces or calibration, or with less than 2 s of speech.
    """
    if pieces is None or calibration is None:
        return None
    return least_cohesion(Speech(pieces.embeddings, pieces.speech_s), calibration)


def least_cohesion(pieces: Speech, calibration: Calibration) -> float | None:
    """Return the lowest LLR that two parts are one voice; None with too little speech for two.

    Args:
        pieces: of one recording, in order of time.
        calibration: of their scores.
    """
    in_first = np.concatenate([_before_and_after(pieces), *_two_groups(pieces)])
    first_s = in_first @ pieces.speech_s
    in_first = in_first[np.minimum(first_s, pieces.speech_s.sum() - first_s) >= _PART_S]
    if not len(in_first):
        return None
    firsts, firsts_s = pieces.parted(in_first)
    seconds, seconds_s = pieces.parted(~in_first)
    scores = np.array([-symmetric_kl(a, b) for a, b in zip(firsts, seconds, strict=True)])
    llrs, _ = calibration.llrs(scores, np.column_stack([firsts_s, seconds_s]))
    return float(llrs.min())


def _before_and_after(pieces: Speech) -> npt.NDArray[np.bool_]:
    """Return (N - 1, N) bool: the pieces before each border between two."""
    return np.tri(len(pieces) - 1, len(pieces), dtype=np.bool_)


def _two_groups(pieces: Speech) -> list[npt.NDArray[np.bool_]]:
    """Return (1, N) bool, the pieces of the first of two groups; nothing for a single window.

    Windows of successive pieces are put into the groups, because pieces are short. A piece belongs
    to the group of the window around it.
    """
    until_s = np.concatenate([[0.0], np.cumsum(pieces.speech_s)])
    ends = np.searchsorted(until_s, until_s[:-1] + _PART_S)
    starts = np.flatnonzero(ends <= len(pieces))
    if len(starts) < 2:
        return []
    numbers = np.arange(len(pieces))
    covered = (numbers >= starts[:, np.newaxis]) & (numbers < ends[starts, np.newaxis])
    in_first = _most_different(Speech(*pieces.parted(covered)))
    middles = (starts + ends[starts] - 1) / 2
    around = np.abs(numbers[:, np.newaxis] - middles).argmin(axis=1)
    return [in_first[np.newaxis, around]]


def llrs_to_the_others(
    recordings: Speech, calibration: Calibration, *, known: int | None = None
) -> list[float | None]:
    """Return each recording's LLR with the larger group's others; None for a single one.

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
    centered = scores - scores.mean(axis=0)
    centered -= centered.mean(axis=1, keepdims=True)
    coordinate = np.linalg.eigh(centered).eigenvectors[:, -1]
    # The mean is 0 but for rounding, which can give all coordinates of equal pieces one sign.
    in_first: npt.NDArray[np.bool_] = coordinate > coordinate.mean()
    for _ in range(_ROUNDS):
        groups, _ = pieces.parted(np.stack([in_first, ~in_first]))
        to_first, to_second = symmetric_kl_matrix(groups, pieces.embeddings)
        nearer = to_first < to_second
        if nearer.all() or not nearer.any() or (nearer == in_first).all():
            break
        in_first = nearer
    return in_first
