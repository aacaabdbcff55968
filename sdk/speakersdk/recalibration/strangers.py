"""Offset of a calibration from recordings without names, fitted on the scores of strangers only.

Every recording is compared with every recording of another group. The offset moves the LLR until
the requested share of these trials reaches the threshold. Two recordings of one person in different
groups count as strangers; they can only make the offset stricter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.calibration.calibration import Calibration
from speakersdk.calibration.cohort import pair_nearness
from speakersdk.encoder.interface import Encoding
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import CalibrationError
from speakersdk.recalibration.encodings import calibration_of, speech_of, with_enough_speech
from speakersdk.scoring import symmetric_kl_to_many

# The offset depends on the trials near the threshold. With fewer, a single one decides.
MINIMUM_EVENTS: Final = 5
MINIMUM_GROUPS: Final = 20
# If the model accepts a larger share, several groups are probably one person.
MAXIMUM_ACCEPTED: Final = 0.25
# A larger shift reaches the LLRs of enrolled speakers. Other microphones need less.
LARGE_OFFSET: Final = -3.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class StrangerFit:
    """The fitted offset and its effect.

    Attributes:
        offset: llr' = llr + offset.
        requested_far: the requested false-accept rate.
        before: share of strangers that the model's own calibration accepts at `requested_far`.
        after: the same with the offset; each group is judged by a fit on the other groups.
        num_groups, num_recordings, num_trials: counts behind the fit.
    """

    offset: float
    requested_far: float
    before: float
    after: float
    num_groups: int
    num_recordings: int
    num_trials: int

    @property
    def scale(self) -> float:
        """Weight of the model's LLR, which recordings of strangers cannot change."""
        return 1.0

    @property
    def is_better(self) -> bool:
        """Whether the offset brings unseen strangers nearer to the requested rate."""
        least = 0.5 / self.num_trials
        before, after = (
            abs(np.log(max(rate, least) / self.requested_far)) for rate in (self.before, self.after)
        )
        return bool(after < before)


def fit_strangers(
    encodings: Mapping[str, Sequence[Encoding]], manifest: ModelManifest, *, far: float
) -> StrangerFit:
    """Fit the offset on all pairs of recordings of different groups.

    Args:
        encodings: encodings of the recordings of each group; recordings of one group may be of the
            same person and are not compared.
        manifest: manifest of the model that made them.
        far: the false-accept rate to meet.

    Raises:
        CalibrationError: the model has no calibration, there are too few recordings for `far`, or
            too many pairs sound like one person.
        ConfigError: the calibration cannot support `far`.
    """
    calibration = calibration_of(manifest)
    usable = with_enough_speech(encodings, calibration)
    margins, groups = _margins(list(usable.values()), calibration, far)
    if len(usable) < MINIMUM_GROUPS or far * len(margins) < MINIMUM_EVENTS:
        raise CalibrationError(
            f"expected {MINIMUM_GROUPS} strangers or more and {MINIMUM_EVENTS / far:.0f} pairs of "
            f"them for a rate of {far:g}, with {calibration.minimum_speech_s:g} s of speech each, "
            f"got {len(usable)} with {len(margins)} pairs; record more, or ask for a higher rate"
        )
    before = float(np.mean(margins >= 0))
    if before > MAXIMUM_ACCEPTED:
        raise CalibrationError(
            f"expected recordings of different people, got {before:.0%} of pairs that sound like "
            "one person; put all recordings of one person into one sub-folder"
        )
    accepted = []
    for group in range(len(usable)):
        judged = (groups == group).any(axis=1)
        accepted.append(margins[judged] + _offset(margins[~judged], far) >= 0)
    return StrangerFit(
        offset=_offset(margins, far),
        requested_far=far,
        before=before,
        after=float(np.mean(np.concatenate(accepted))),
        num_groups=len(usable),
        num_recordings=sum(map(len, usable.values())),
        num_trials=len(margins),
    )


def _offset(margins: Floats, far: float) -> float:
    """Return the offset with which at most the share `far` of the margins reaches zero."""
    return -float(np.quantile(margins, 1 - far, method="higher"))


def _margins(
    groups: list[list[Encoding]], calibration: Calibration, far: float
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return LLR minus threshold of every pair of recordings, (N,), and its groups, (N, 2)."""
    point = calibration.operating_point(far)
    numbers = np.repeat(np.arange(len(groups)), [len(listed) for listed in groups])
    listed = [encoding for group in groups for encoding in group]
    if len(listed) < 2:
        return np.empty(0), np.empty((0, 2), np.int64)
    speech = speech_of(listed)
    sides = np.column_stack(np.triu_indices(len(listed), 1))
    rows = [
        symmetric_kl_to_many(row, speech.embeddings[number:])
        for number, row in enumerate(speech.embeddings[:-1], start=1)
    ]
    is_compared = numbers[sides[:, 0]] != numbers[sides[:, 1]]
    sides, divergences = sides[is_compared], np.concatenate(rows)[is_compared]
    llrs, comparable_s = calibration.llrs(-divergences, speech.speech_s[sides])
    near = calibration.nearness(speech.embeddings)
    margins = llrs - point.thresholds(
        comparable_s, pair_nearness(near[sides[:, 0]], near[sides[:, 1]])
    )
    return margins, numbers[sides]
