"""Regression for the calibration: logistic for log-odds, quantile for thresholds."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_NEWTON_STEPS = 100
# Ridge on the standardised weights, where the trials weigh N together: keeps separable data finite
# and moves nothing on 10^4 trials.
_RIDGE = 1e-3
# Of quantile regression; residuals are told apart down to a hundredth of an llr.
_REWEIGHTINGS = 60
_ROUNDING = 0.01


def logistic_weights(
    inputs: npt.NDArray[np.float64],
    targets: npt.NDArray[np.bool_],
    counts: npt.NDArray[np.float64],
    prior: float,
) -> tuple[float, ...]:
    """Logistic regression by Newton's method, the two classes weighed to `prior`.

    Args:
        inputs: (N, K) what the log-odds depend on.
        targets: (N,) of both kinds.
        counts: (N,) above 0, how much each counts among those of its kind.
        prior: share of the targets that the classes are weighed to.

    Returns:
        offset and K weights, such that offset + inputs @ weights is a log-likelihood ratio.
    """
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0)
    deviation[deviation == 0] = 1.0  # a constant input gets weight 0 from the ridge
    design = np.column_stack([np.ones(len(inputs)), (inputs - mean) / deviation])
    signs = np.where(targets, 1.0, -1.0)
    share = np.where(targets, prior / counts[targets].sum(), (1 - prior) / counts[~targets].sum())
    importance = share * counts * len(targets)
    prior_log_odds = math.log(prior / (1 - prior))
    ridge = np.full(design.shape[1], _RIDGE)

    def cost(weights: npt.NDArray[np.float64]) -> float:
        margins = signs * (design @ weights + prior_log_odds)
        return float(importance @ np.logaddexp(0, -margins) + ridge @ weights**2 / 2)

    weights = np.zeros(design.shape[1])
    for _ in range(_NEWTON_STEPS):
        # 1 / (1 + exp(margin)), written so that no margin overflows.
        wrong = (1 - np.tanh(signs * (design @ weights + prior_log_odds) / 2)) / 2
        gradient = design.T @ (importance * signs * wrong) - ridge * weights
        curvature = (importance * wrong * (1 - wrong))[:, np.newaxis] * design
        step = np.linalg.solve(design.T @ curvature + np.diag(ridge), gradient)
        # A full step overshoots where the sigmoid is flat; the cost is convex, so halving ends.
        while cost(weights + step) > cost(weights) and np.abs(step).max() > 1e-10:
            step = step / 2
        weights = weights + step
        if np.abs(step).max() <= 1e-10:
            break
    slopes = weights[1:] / deviation
    return (float(weights[0] - slopes @ mean), *slopes.tolist())


def upper_curve(
    values: npt.NDArray[np.float64], positions: npt.NDArray[np.float64], num_above: int
) -> tuple[float, float, float]:
    """Offset, slope and curve (of the square) with at most `num_above` values on or above.

    Quantile regression by reweighted least squares, then the offset to the exact number. Source: R.
    Koenker and G. Bassett, "Regression quantiles", 1978.

    Args:
        values, positions: (N,) what lies above, and where along the curve.
        num_above: fewer than N.
    """
    share = num_above / len(values)
    design = np.column_stack([np.ones(len(values)), positions, positions**2])
    weights: npt.NDArray[np.float64] = np.ones(len(values))
    line: npt.NDArray[np.float64] = np.zeros(3)
    for _ in range(_REWEIGHTINGS if np.ptp(positions) > 0 else 0):
        weighed = design * weights[:, np.newaxis]
        # Least squares of least length: few positions leave the curve undetermined.
        found = np.linalg.lstsq(weighed.T @ design, weighed.T @ values, rcond=1e-10)[0]
        line = np.asarray(found, np.float64)
        rest = values - design @ line
        # The pinball loss as a weighted square, rounded off where a value lies on the curve.
        weights = np.where(rest > 0, 1 - share, share) / np.maximum(np.abs(rest), _ROUNDING)
    return (
        upper_offset(values - design[:, 1:] @ line[1:], num_above),
        float(line[1]),
        float(line[2]),
    )


def upper_offset(values: npt.NDArray[np.float64], num_above: int) -> float:
    """The least threshold with at most `num_above` of the (N,) values at or above it."""
    place = len(values) - 1 - num_above
    return float(np.nextafter(np.partition(values, place)[place], np.inf))


def rate_line(
    happened: npt.NDArray[np.bool_], positions: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """Log-odds of an event: at position 0, and per unit of position.

    Args:
        happened, positions: (N,) whether it did, and where.
    """
    count, total = int(happened.sum()), len(happened)
    if not 0 < count < total:
        # Half an event more of each keeps the odds finite; nothing is known of the slope.
        return math.log((count + 0.5) / (total - count + 0.5)), 0.0
    share = count / total
    offset, slope = logistic_weights(positions[:, np.newaxis], happened, np.ones(total), share)
    return offset + math.log(share / (1 - share)), slope
