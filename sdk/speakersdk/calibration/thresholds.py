"""Thresholds for unseen corpora: fitted on groups of trials, and tested on left-out groups.

A group is the trials of one corpus in one condition. All groups have the same weight, whatever
their number of trials. In each group a different threshold keeps a rate. The spread of these
thresholds shows the uncertainty for the next corpus: the final threshold keeps the rate in a given
share of the groups, and not only on average.

Few groups have enough trials to measure the strictest rates. The thresholds of these rates have the
slopes of the strictest rate that most groups can measure. In each group the threshold follows from
an exponential tail of its highest LLRs (J. Pickands, "Statistical inference using extreme order
statistics", 1975). docs/adr/0012-promise.md has the figures.
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
COVERED: Final = 0.95
# The same share for rates that are extrapolated: the tail by itself keeps them in most groups.
TAIL_COVERED: Final = 0.6
# The strictest rate that is measured in every group. Stricter rates are extrapolated.
TAIL_FAR: Final = 0.005
# Share of the nontarget trials of a group in the fit of its tail, and their least number.
_TAIL_SHARE: Final = 0.03
_TAIL_TRIALS: Final = 20
# With as many expected false accepts, the measured threshold is as certain as that of the tail.
_MEASURED_FALSE_ACCEPTS: Final = 30
# Nontarget trials of a group in the regression; more of them only take time.
_MOST_TRIALS: Final = 4_000
# With fewer groups the spread between them is unknown.
LEAST_GROUPS: Final = 4
# Quantiles with 90 % of the groups between them.
_ELSEWHERE: Final = (0.05, 0.95)
# Quantiles with nearly all trials of a group between them: the limits of a fit.
_EDGES: Final = (0.01, 0.99)
# Columns of the inputs: the first of the nearness, and the last one.
_NEARNESS: Final = 2
_TELEPHONE: Final = 4

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTrials:
    """The trials of one corpus in one condition.

    Attributes:
        corpus, condition: names; a corpus is left out with all its conditions.
        llrs: (N,) LLRs
        targets: (N,) bool.
        speech_s: (N,) comparable speech, see `Calibration.comparable_speech_s`.
        nearness: (N, 3), see `speakersdk.calibration.cohort.Nearness`.
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
        """Return the (N, 5) inputs of a threshold: ln s, its square and the nearness."""
        log_speech = np.log(self.speech_s)
        return np.column_stack([log_speech, log_speech**2, self.nearness])


def robust_points(
    groups: list[GroupTrials],
    *,
    covered: float = COVERED,
    tail_covered: float = TAIL_COVERED,
    least_groups: int = LEAST_GROUPS,
) -> list[OperatingPoint]:
    """Fit the threshold of every rate that enough groups support, from loose to strict.

    Rates from `TAIL_FAR` down share their slopes, and a stricter one never has a lower threshold.

    Args:
        groups: the groups, some of them with target trials.
        covered: share of the groups in which each rate must be kept.
        tail_covered: the same share for rates below `TAIL_FAR`.
        least_groups: number of groups that must support a rate.

    Raises:
        ConfigError: there are too few groups, or no target trials.
    """
    if not any(group.targets.any() for group in groups):
        raise ConfigError("expected groups with target trials, got none")
    supported = [
        far for far in FAR_GRID if sum(group.supports(far) for group in groups) >= least_groups
    ]
    if not supported:
        raise ConfigError(
            f"expected at least {least_groups} corpora and conditions with "
            f"{MINIMUM_FALSE_ACCEPTS / FAR_GRID[0]:g} nontarget trials each, got {len(groups)}"
        )
    # All rates use the same groups. With others, a looser rate could get the higher threshold.
    strictest = min(far for far in supported if far >= TAIL_FAR)
    used = [group for group in groups if group.supports(strictest)]
    points: list[OperatingPoint] = []
    for far in supported:
        if far >= TAIL_FAR:
            slopes = _slopes(used, far)
        levels = [_level(group, slopes, far) for group in used]
        level = float(np.quantile(levels, covered if far >= TAIL_FAR else tail_covered))
        if far < TAIL_FAR:
            level = max(level, points[-1].llr)
        points.append(_point(groups, used, far, level, slopes))
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


def tail_level(values: _Floats, far: float) -> float:
    """Return the value that a share of the (N,) values exceeds.

    It is measured if enough values exceed it, and otherwise extrapolated with an exponential tail.
    """
    if far * len(values) >= _MEASURED_FALSE_ACCEPTS:
        return _measured_level(values, far)
    number = max(_TAIL_TRIALS, math.floor(_TAIL_SHARE * len(values)))
    rising = np.sort(values)
    start = float(rising[-number - 1])
    excess = float(rising[-number:].mean()) - start
    return start + excess * math.log(number / len(values) / far)


def _level(group: GroupTrials, slopes: _Floats, far: float) -> float:
    """Return the offset with which a group keeps a rate."""
    rest = (group.llrs - group.inputs() @ slopes)[~group.targets]
    return tail_level(rest, far) if far < TAIL_FAR else _measured_level(rest, far)


def _measured_level(values: _Floats, far: float) -> float:
    return upper_offset(values, math.floor(far * len(values) + 1e-9))


def _slopes(groups: list[GroupTrials], far: float) -> _Floats:
    """Fit the (5,) slopes of one rate; all groups have the same weight.

    Telephone on both sides never lowers a threshold: a negative slope is replaced by 0.
    """
    parts = []
    for group in groups:
        chosen = np.flatnonzero(~group.targets)
        chosen = chosen[:: math.ceil(len(chosen) / _MOST_TRIALS)]
        weights = np.full(len(chosen), 1 / len(chosen))
        parts.append((group.llrs[chosen], group.inputs()[chosen], weights))
    llrs, inputs, counts = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    # Least squares drop small inputs, and the nats between short embeddings are small.
    sizes = np.ones(inputs.shape[1])
    nearness = np.abs(inputs[:, _NEARNESS:]).max(axis=0)
    sizes[_NEARNESS:] = np.where(nearness > 0, nearness, 1.0)
    inputs /= sizes
    slopes = upper_slopes(llrs, inputs, far, counts=counts)
    if slopes[_TELEPHONE] < 0:
        slopes = np.append(upper_slopes(llrs, inputs[:, :_TELEPHONE], far, counts=counts), 0.0)
    return slopes / sizes


def _limits(groups: list[GroupTrials]) -> dict[str, float]:
    """Find the longest speech, the least excess and the largest distance in any group."""
    low, high = _EDGES
    nontargets = [(group.speech_s, group.nearness, ~group.targets) for group in groups]
    return {
        "longest_s": max(float(np.quantile(s[chosen], high)) for s, _, chosen in nontargets),
        "least_excess": min(float(np.quantile(n[chosen, 0], low)) for _, n, chosen in nontargets),
        "most_distance": max(float(np.quantile(n[chosen, 1], high)) for _, n, chosen in nontargets),
    }


def _point(
    groups: list[GroupTrials], used: list[GroupTrials], far: float, level: float, slopes: _Floats
) -> OperatingPoint:
    """Make an operating point, with its false rejects in all groups."""
    slope, curve, nearness, gap, telephone = slopes.tolist()
    point = OperatingPoint(
        far=far,
        frr=0.0,
        llr=level,
        llr_slope=slope,
        llr_curve=curve,
        llr_nearness=nearness,
        llr_gap=gap,
        llr_telephone=telephone,
        frr_logit=0.0,
        frr_slope=0.0,
        **_limits(used),
    )
    rejected = np.concatenate([~group.accepted(point)[group.targets] for group in groups])
    log_speech = np.concatenate([np.log(group.speech_s[group.targets]) for group in groups])
    frr_logit, frr_slope = rate_line(rejected, log_speech)
    return replace(point, frr=float(rejected.mean()), frr_logit=frr_logit, frr_slope=frr_slope)
