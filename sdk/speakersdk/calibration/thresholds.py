"""Thresholds for unseen corpora: fitted on groups of trials, and tested on left-out groups.

A group is the trials of one corpus in one condition. All groups have the same weight, whatever
their number of trials. In each group a different threshold keeps a rate. The spread of these
thresholds shows the uncertainty for the next corpus: the final threshold keeps the rate in a given
share of the groups, and not only on average. docs/adr/0012-promise.md has the figures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.calibration.calibration import OperatingPoint
from speakersdk.calibration.fit import FAR_GRID, MINIMUM_FALSE_ACCEPTS
from speakersdk.calibration.regression import rate_line, upper_offset, upper_slopes
from speakersdk.errors import ConfigError

# Share of the groups in which a threshold keeps its rate.
COVERED: Final = 0.75
# Nontarget trials of a group in the regression; more of them only take time.
_MOST_TRIALS: Final = 4_000
# With fewer groups the spread between them is unknown.
LEAST_GROUPS: Final = 4
# Quantiles with 90 % of the groups between them.
_ELSEWHERE: Final = (0.05, 0.95)

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTrials:
    """The trials of one corpus in one condition.

    Attributes:
        corpus, condition: names; a corpus is left out with all its conditions.
        llrs: (N,) llrs
        targets: (N,) bool.
        speech_s: (N,) comparable speech, see `Calibration.comparable_speech_s`.
        nearness: (N, 2) excess and distance, see `speakersdk.calibration.cohort.pair_nearness`.
    """

    corpus: str
    condition: str
    llrs: _Floats
    targets: npt.NDArray[np.bool_]
    speech_s: _Floats
    nearness: _Floats

    def supports(self, far: float) -> bool:
        """Return whether there are enough nontarget trials to measure a rate."""
        return bool(far * np.count_nonzero(~self.targets) + 1e-9 >= MINIMUM_FALSE_ACCEPTS)

    def accepted(self, point: OperatingPoint) -> npt.NDArray[np.bool_]:
        """Return (N,) bool, whether each trial is accepted."""
        return self.llrs >= point.thresholds(self.speech_s, self.nearness)

    def far(self, point: OperatingPoint) -> float:
        """Return the share of nontarget trials that a point accepts."""
        return float(self.accepted(point)[~self.targets].mean())

    def inputs(self) -> _Floats:
        """Return the (N, 4) inputs of a threshold: ln s, its square, excess and distance."""
        log_speech = np.log(self.speech_s)
        return np.column_stack([log_speech, log_speech**2, self.nearness])


def robust_points(
    groups: list[GroupTrials], *, covered: float = COVERED, least_groups: int = LEAST_GROUPS
) -> list[OperatingPoint]:
    """Fit the threshold of every rate that enough groups support, from loose to strict.

    Args:
        groups: the groups, some of them with target trials.
        covered: share of the groups in which each rate must be kept.
        least_groups: number of groups that must support a rate.

    Raises:
        ConfigError: there are too few groups, or no target trials.
    """
    if not any(group.targets.any() for group in groups):
        raise ConfigError("expected groups with target trials, got none")
    points: list[OperatingPoint] = []
    for far in FAR_GRID:
        able = [group for group in groups if group.supports(far)]
        if len(able) < least_groups:
            break
        points.append(_point(able, groups, far, covered))
    if not points:
        raise ConfigError(
            f"expected at least {least_groups} corpora and conditions with "
            f"{MINIMUM_FALSE_ACCEPTS / FAR_GRID[0]:g} nontarget trials each, got {len(groups)}"
        )
    return points


def judged(points: list[OperatingPoint], groups: list[GroupTrials]) -> list[OperatingPoint]:
    """Return the points with their rates on corpora that were left out of the fit."""
    rates: dict[float, list[float]] = {point.far: [] for point in points}
    for corpus in sorted({group.corpus for group in groups}):
        others = [group for group in groups if group.corpus != corpus]
        for point in robust_points(others):
            rates[point.far] += [
                group.far(point)
                for group in groups
                if group.corpus == corpus and group.supports(point.far)
            ]
    found = []
    for point in points:
        low, high = 0.0, 1.0
        if rates[point.far]:
            low, high = np.quantile(rates[point.far], _ELSEWHERE).tolist()
        found.append(replace(point, elsewhere_low=low, elsewhere_high=high))
    return found


def _point(
    able: list[GroupTrials], groups: list[GroupTrials], far: float, covered: float
) -> OperatingPoint:
    """Fit the threshold of one rate."""
    values, inputs, counts = [], [], []
    for group in able:
        chosen = np.flatnonzero(~group.targets)
        chosen = chosen[:: math.ceil(len(chosen) / _MOST_TRIALS)]
        values.append(group.llrs[chosen])
        inputs.append(group.inputs()[chosen])
        counts.append(np.full(len(chosen), 1 / len(chosen)))
    slopes = upper_slopes(
        np.concatenate(values), np.concatenate(inputs), far, counts=np.concatenate(counts)
    )
    offsets = []
    for group in able:
        rest = (group.llrs - group.inputs() @ slopes)[~group.targets]
        offsets.append(upper_offset(rest, math.floor(far * len(rest) + 1e-9)))
    slope, curve, nearness, gap = slopes.tolist()
    point = OperatingPoint(
        far=far,
        frr=0.0,
        llr=float(np.quantile(offsets, covered)),
        llr_slope=slope,
        llr_curve=curve,
        llr_nearness=nearness,
        llr_gap=gap,
        frr_logit=0.0,
        frr_slope=0.0,
    )
    rejected = np.concatenate([~group.accepted(point)[group.targets] for group in groups])
    log_speech = np.concatenate([np.log(group.speech_s[group.targets]) for group in groups])
    frr_logit, frr_slope = rate_line(rejected, log_speech)
    return replace(point, frr=float(rejected.mean()), frr_logit=frr_logit, frr_slope=frr_slope)
