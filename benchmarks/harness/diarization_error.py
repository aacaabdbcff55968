"""Diarization error: missed speech, false alarms and confused speakers, as shares of the speech.

Source: NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan", 2009. Here
no two speakers overlap. Enrolled speakers are known by name, and a name that is not theirs is a
confusion. Unknown speakers are mapped to the reference one to one, in the best possible way.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

STEP_S = 0.01
COLLAR_S = 0.25
NOBODY, UNCERTAIN = -1, -2


@dataclass(frozen=True, slots=True)
class Stretch:
    """A speaker between two times in seconds; None is uncertain and counts as missed."""

    who: str | None
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DiarizationError:
    """Seconds of each kind, outside the collars.

    Attributes:
        speech_s: reference speech.
        missed_s: speech of the reference for which no certain speaker was found.
        uncertain_s: the part of it that was found without a speaker.
        false_alarm_s: speakers found where there is no speech.
        confusion_s: speech for which another speaker was found.
        misnamed_s: the part of it with the name of a wrong enrolled speaker.
    """

    speech_s: float
    missed_s: float
    uncertain_s: float
    false_alarm_s: float
    confusion_s: float
    misnamed_s: float

    @property
    def rate(self) -> float:
        """Return the diarization error rate."""
        return (self.missed_s + self.false_alarm_s + self.confusion_s) / self.speech_s

    def __add__(self, other: DiarizationError) -> DiarizationError:
        return DiarizationError(
            **{
                name: getattr(self, name) + getattr(other, name)
                for name in DiarizationError.__slots__
            }
        )


def diarization_error(
    reference: Sequence[Stretch],
    hypothesis: Sequence[Stretch],
    *,
    enrolled: Collection[str],
    duration_s: float,
    collar_s: float = COLLAR_S,
) -> DiarizationError:
    """Compare the hypothesis with the reference.

    Args:
        reference, hypothesis: stretches without overlap.
        enrolled: names that must be correct and are not mapped.
        duration_s: duration of the recording in seconds.
        collar_s: time around each boundary of the reference that does not count.
    """
    names = sorted({str(at.who) for at in [*reference, *hypothesis] if at.who is not None})
    truth = _grid(reference, names, duration_s)
    found = _grid(hypothesis, names, duration_s)
    counts = np.ones(len(truth), np.bool_)
    for stretch in reference:
        for edge_s in (stretch.from_s, stretch.to_s):
            first = max(0, round((edge_s - collar_s) / STEP_S))
            counts[first : round((edge_s + collar_s) / STEP_S)] = False
    truth, found = truth[counts], found[counts]
    mapped = _mapping(truth, found, names, set(enrolled))
    is_speech = truth >= 0
    is_found = found >= 0
    both = is_speech & is_found
    right = np.array([mapped[at] for at in found[both]], np.intp) == truth[both]
    is_named = np.array([names[at] in enrolled for at in found[both]], np.bool_)
    return DiarizationError(
        speech_s=float(STEP_S * is_speech.sum()),
        missed_s=float(STEP_S * (is_speech & ~is_found).sum()),
        uncertain_s=float(STEP_S * (is_speech & (found == UNCERTAIN)).sum()),
        false_alarm_s=float(STEP_S * (~is_speech & is_found).sum()),
        confusion_s=float(STEP_S * (~right).sum()),
        misnamed_s=float(STEP_S * (~right & is_named).sum()),
    )


def _grid(
    stretches: Sequence[Stretch], names: Sequence[str], duration_s: float
) -> npt.NDArray[np.intp]:
    """Return who speaks at each step."""
    grid = np.full(round(duration_s / STEP_S), NOBODY, np.intp)
    for stretch in stretches:
        who = UNCERTAIN if stretch.who is None else names.index(stretch.who)
        grid[round(stretch.from_s / STEP_S) : round(stretch.to_s / STEP_S)] = who
    return grid


def _mapping(
    truth: npt.NDArray[np.intp],
    found: npt.NDArray[np.intp],
    names: Sequence[str],
    enrolled: Collection[str],
) -> dict[int, int]:
    """Map each found speaker to one of the reference, or to nobody."""
    from scipy.optimize import linear_sum_assignment

    mapped = {at: at if names[at] in enrolled else NOBODY for at in range(len(names))}
    unknown = [at for at in range(len(names)) if names[at] not in enrolled]
    together = np.array(
        [[((truth == a) & (found == b)).sum() for b in unknown] for a in unknown]
    ).reshape(len(unknown), len(unknown))
    for row, column in zip(*linear_sum_assignment(-together), strict=True):
        mapped[unknown[column]] = unknown[row]
    return mapped
