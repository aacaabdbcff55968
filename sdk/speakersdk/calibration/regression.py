"""The two regressions of a calibration: trials to an LLR, and LLRs to a threshold.

Logistic regression turns a weighted sum of the inputs into an llr:

    llr = w0 + w1 x1 + ... + wK xK

Targets and nontargets are weighted according to a given prior, whatever their numbers (N. Brummer,
"Measuring, refining and calibrating speaker and language information", 2010, ch. 7).

Quantile regression finds a threshold that a given number of trials exceeds, whatever their speech
(R. Koenker and G. Bassett, "Regression quantiles", Econometrica 46, 1978).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

_NEWTON_STEPS = 100
_LEAST_STEP = 1e-10
_ROUNDING: Final = 1e-9
# Ridge on the standardized weights, with total weight N of the trials. It keeps separable data
# finite and has no effect on 10^4 trials.
_RIDGE: Final = 1e-3
_REWEIGHTINGS: Final = 60
# Residuals of the quantile regression are resolved to 0.01 LLR.
_LEAST_RESIDUAL: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianPrior:
    """Prior of the weights before any trial: independent normal distributions.

    Attributes:
        means: means of w0 ... wK.
        deviations: standard deviations of w0 ... wK; small ones keep the weights near the means.
    """

    means: tuple[float, ...]
    deviations: tuple[float, ...]


def logistic_weights(
    inputs: npt.NDArray[np.float64],
    targets: npt.NDArray[np.bool_],
    prior: float,
    *,
    counts: npt.NDArray[np.float64] | None = None,
) -> tuple[float, ...]:
    """Return the weights of maximum likelihood.

    Args:
        inputs: (N, K), one row per trial.
        targets: (N,) bool, with both classes.
        prior: weight of the target trials; 0.5 minimizes Cllr.
        counts: (N,) positive weights of the trials within their class; None means equal.

    Returns:
        w0 ... wK.
    """
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0)
    # A constant input, whose deviation may be a rounding error, gets weight 0 from the ridge.
    deviation[deviation <= _ROUNDING * np.abs(inputs).max(axis=0)] = 1.0
    design = np.column_stack([np.ones(len(inputs)), (inputs - mean) / deviation])
    ridge = np.full(design.shape[1], _RIDGE)
    importance = _importance(targets, prior, counts) * len(targets)
    weights = _newton(design, targets, prior, importance, np.zeros(design.shape[1]), ridge)
    slopes = weights[1:] / deviation
    return (float(weights[0] - slopes @ mean), *slopes.tolist())


def posterior_weights(
    inputs: npt.NDArray[np.float64],
    targets: npt.NDArray[np.bool_],
    prior: float,
    *,
    known: GaussianPrior,
    num_independent: float,
) -> tuple[float, ...]:
    """Return the weights of maximum posterior probability.

    Args:
        inputs, targets, prior: as for `logistic_weights`.
        known: prior of the weights.
        num_independent: number of independent observations that the N trials are worth. All pairs
            of a few recordings are many trials but little information.

    Returns:
        w0 ... wK.
    """
    design = np.column_stack([np.ones(len(inputs)), inputs])
    precision = 1 / np.square(known.deviations)
    importance = _importance(targets, prior, None) * num_independent
    weights = _newton(design, targets, prior, importance, np.array(known.means), precision)
    return tuple(weights.tolist())


def rate_line(
    happened: npt.NDArray[np.bool_], positions: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """Return the log-odds of an event at position 0, and their change per unit of position.

    Args:
        happened, positions: (N,) whether the event happened, and the position of each trial.
    """
    count, total = int(happened.sum()), len(happened)
    if not 0 < count < total:
        # Half an event is added to each class to keep the odds finite; the slope is unknown.
        return math.log((count + 0.5) / (total - count + 0.5)), 0.0
    share = count / total
    offset, slope = logistic_weights(positions[:, np.newaxis], happened, share)
    return offset + math.log(share / (1 - share)), slope


def upper_curve(
    values: npt.NDArray[np.float64], positions: npt.NDArray[np.float64], num_above: int
) -> tuple[float, float, float]:
    """Return offset, slope and curve with at most `num_above` values on or above the curve.

    Reweighted least squares give the shape, and the offset then meets the exact number.

    Args:
        values, positions: (N,) values, and their positions along the curve.
        num_above: number of values, less than N.
    """
    inputs = np.column_stack([positions, positions**2])
    slopes = np.zeros(2)
    if np.ptp(positions) > 0:
        slopes = upper_slopes(values, inputs, num_above / len(values))
    return (
        upper_offset(values - inputs @ slopes, num_above),
        float(slopes[0]),
        float(slopes[1]),
    )


def upper_slopes(
    values: npt.NDArray[np.float64],
    inputs: npt.NDArray[np.float64],
    share: float,
    *,
    counts: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float64]:
    """Return the slopes of a plane that a share of the values exceeds.

    Args:
        values, inputs: (N,) values, and their (N, K) positions.
        share: share of the values above the plane, in (0, 1).
        counts: (N,) positive weights of the values; None means equal.

    Returns:
        (K,) slopes from reweighted least squares; `upper_offset` finds the offset.
    """
    design = np.column_stack([np.ones(len(values)), inputs])
    base = np.ones(len(values)) if counts is None else counts / counts.mean()
    weights = base
    for _ in range(_REWEIGHTINGS):
        weighed = design * weights[:, np.newaxis]
        # The solution of minimum norm, because few positions leave the curve undetermined.
        solution = np.linalg.lstsq(weighed.T @ design, weighed.T @ values, rcond=1e-10)[0]
        plane = np.asarray(solution, np.float64)
        rest = values - design @ plane
        # The pinball loss as a weighted square, smoothed where a value lies on the plane.
        weights = (
            base * np.where(rest > 0, 1 - share, share) / np.maximum(np.abs(rest), _LEAST_RESIDUAL)
        )
    return plane[1:]


def upper_offset(values: npt.NDArray[np.float64], num_above: int) -> float:
    """Return the lowest threshold with at most `num_above` of the (N,) values at or above it."""
    place = len(values) - 1 - num_above
    return float(np.nextafter(np.partition(values, place)[place], np.inf))


def _importance(
    targets: npt.NDArray[np.bool_], prior: float, counts: npt.NDArray[np.float64] | None
) -> npt.NDArray[np.float64]:
    """Return (N,) weights that add up to 1, those of the targets to `prior`."""
    if counts is None:
        counts = np.ones(len(targets))
    target, nontarget = prior / counts[targets].sum(), (1 - prior) / counts[~targets].sum()
    importance: npt.NDArray[np.float64] = counts * np.where(targets, target, nontarget)
    return importance


def _newton(
    design: npt.NDArray[np.float64],
    targets: npt.NDArray[np.bool_],
    prior: float,
    importance: npt.NDArray[np.float64],
    means: npt.NDArray[np.float64],
    precision: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Minimize the weighted log loss plus precision (w - mean)^2 / 2."""
    signs = np.where(targets, 1.0, -1.0)
    prior_log_odds = math.log(prior / (1 - prior))

    def cost(weights: npt.NDArray[np.float64]) -> float:
        margins = signs * (design @ weights + prior_log_odds)
        away = weights - means
        return float(importance @ np.logaddexp(0, -margins) + precision @ away**2 / 2)

    weights = means.copy()
    for _ in range(_NEWTON_STEPS):
        # 1 / (1 + exp(margin)), in a form that cannot overflow.
        wrong = (1 - np.tanh(signs * (design @ weights + prior_log_odds) / 2)) / 2
        gradient = design.T @ (importance * signs * wrong) - precision * (weights - means)
        curvature = (importance * wrong * (1 - wrong))[:, np.newaxis] * design
        step = np.linalg.solve(design.T @ curvature + np.diag(precision), gradient)
        # A full step overshoots where the sigmoid is flat; halving ends because the cost is convex.
        while cost(weights + step) > cost(weights) and np.abs(step).max() > _LEAST_STEP:
            step = step / 2
        weights = weights + step
        if np.abs(step).max() <= _LEAST_STEP:
            break
    return weights
