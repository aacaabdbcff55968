"""Metrics of a trial list: error rates, costs and calibration, with intervals and per condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from speakersdk.metrics import (
    Weights,
    act_dcf,
    cllr,
    eer,
    frr_at_far,
    min_cllr,
    min_dcf,
    speaker_draws,
)

_Metric = Callable[[Any, Any, "Weights | None"], float]

# Names include the prior or rate. The first group needs only the order of the scores, the second
# natural LLRs.
ORDER_METRICS: Final[dict[str, _Metric]] = {
    "EER": eer,
    "minDCF(0.01)": lambda s, y, w: min_dcf(s, y, p_target=0.01, weights=w),
    "minDCF(0.05)": lambda s, y, w: min_dcf(s, y, p_target=0.05, weights=w),
    "minCllr": min_cllr,
    "FRR at FAR 1 %": lambda s, y, w: frr_at_far(s, y, far=0.01, weights=w),
    "FRR at FAR 0.1 %": lambda s, y, w: frr_at_far(s, y, far=0.001, weights=w),
}
LLR_METRICS: Final[dict[str, _Metric]] = {
    "Cllr": cllr,
    "actDCF(0.01)": lambda s, y, w: act_dcf(s, y, p_target=0.01, weights=w),
    "actDCF(0.05)": lambda s, y, w: act_dcf(s, y, p_target=0.05, weights=w),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredTrials:
    """Trials with scores.

    Attributes:
        scores: (N,) scores; higher means more similar.
        labels: (N,) true for target trials.
        are_llrs: whether the scores are natural log-likelihood ratios.
        speakers: N speaker names for each side; None if unknown, which rules out intervals.
        conditions: N values for each condition.
    """

    scores: npt.NDArray[np.float64]
    labels: npt.NDArray[np.bool_]
    are_llrs: bool
    speakers: tuple[Sequence[str], Sequence[str]] | None = None
    conditions: Mapping[str, Sequence[str]]

    def take(self, kept: npt.NDArray[np.bool_]) -> ScoredTrials:
        """Return the trials that the (N,) mask `kept` selects."""
        chosen = np.flatnonzero(kept).tolist()

        def part(values: Sequence[str]) -> list[str]:
            return [values[index] for index in chosen]

        return ScoredTrials(
            scores=self.scores[kept],
            labels=self.labels[kept],
            are_llrs=self.are_llrs,
            speakers=None
            if self.speakers is None
            else (part(self.speakers[0]), part(self.speakers[1])),
            conditions={name: part(values) for name, values in self.conditions.items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Metrics measured on trials.

    Attributes:
        num_target, num_nontarget: numbers of trials.
        num_speakers: number of speakers; None if unknown.
        values: value of each metric; rates are in [0, 1], Cllr is in bits.
        intervals: 95 % interval of each metric; empty without speakers or repeats.
    """

    num_target: int
    num_nontarget: int
    num_speakers: int | None
    values: dict[str, float]
    intervals: dict[str, tuple[float, float]]


def evaluate(trials: ScoredTrials, *, repeats: int, rng: np.random.Generator) -> Figures:
    """Compute the metrics of trials.

    Args:
        trials: target and nontarget trials.
        repeats: number of resamplings of speakers for the intervals; 0 means no intervals.
        rng: random generator of the resampling.

    Raises:
        ValueError: target or nontarget trials are missing, or a score is not finite.
    """
    metrics = ORDER_METRICS | (LLR_METRICS if trials.are_llrs else {})
    # Every metric sorts, which is fast for sorted input.
    order = np.argsort(trials.scores, kind="stable")
    scores, labels = trials.scores[order], trials.labels[order]
    values = {name: metric(scores, labels, None) for name, metric in metrics.items()}
    intervals: dict[str, tuple[float, float]] = {}
    num_speakers = None
    if trials.speakers is not None:
        speakers = (
            [trials.speakers[0][index] for index in order],
            [trials.speakers[1][index] for index in order],
        )
        num_speakers = len({*speakers[0], *speakers[1]})
        drawn: dict[str, list[float]] = {name: [] for name in metrics}
        for weights in speaker_draws(labels, speakers, rng=rng, repeats=repeats):
            for name, metric in metrics.items():
                drawn[name].append(metric(scores, labels, weights))
        for name, listed in drawn.items():
            if listed:
                low, high = np.quantile(listed, [0.025, 0.975])
                intervals[name] = (float(low), float(high))
    return Figures(
        num_target=int(labels.sum()),
        num_nontarget=int((~labels).sum()),
        num_speakers=num_speakers,
        values=values,
        intervals=intervals,
    )


def evaluate_conditions(
    trials: ScoredTrials, *, repeats: int, rng: np.random.Generator
) -> dict[str, dict[str, Figures | None]]:
    """Compute the metrics per value of each condition; None without targets or nontargets."""
    found: dict[str, dict[str, Figures | None]] = {}
    for name, values in trials.conditions.items():
        column = np.array(values)
        found[name] = {}
        for value in sorted(set(values)):
            part = trials.take(column == value)
            measurable = part.labels.any() and not part.labels.all()
            found[name][value] = evaluate(part, repeats=repeats, rng=rng) if measurable else None
    return found
