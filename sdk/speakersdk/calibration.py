"""From a score to a log-likelihood ratio, and from an asked-for error rate to a threshold.

    llr = offset + (scale + speech_scale * ln s) * score + speech_weight * ln s

s is the net speech in seconds of the side that has less. Scores of long recordings lie higher and
spread less, hence the product; without it the llr of long recordings is far too small
(docs/decisions/0001-calibration-by-speech.md).

The weights are fitted by logistic regression on the development trials when a model is exported
(N. Brummer, "Measuring, refining and calibrating speaker and language information", 2010, ch. 7).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from speakersdk.errors import ConfigError

# Below this net speech the fit has seen no trials; INCONCLUSIVE is the honest answer.
DEFAULT_MINIMUM_SPEECH_S = 0.8
# False-accept rates for which thresholds are stored, if the trials support them.
FAR_GRID = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
# With 10 false accepts expected, the measured rate is within a factor of 2 (95 % interval).
MINIMUM_FALSE_ACCEPTS = 10
_NEWTON_STEPS = 100
# Ridge on the standardised weights, where the trials weigh N together: keeps separable data finite
# and moves nothing on 10^4 trials.
_RIDGE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """A threshold and the error rates that it had on the calibration trials.

    Attributes:
        far: false-accept rate: at most this share of the nontarget trials is accepted.
        frr: false-reject rate: share of the target trials rejected.
        llr: threshold; accept when the log-likelihood ratio is at least this.
    """

    far: float
    frr: float
    llr: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Logistic calibration and its operating points, ordered by falling FAR.

    Attributes:
        offset, scale, speech_scale, speech_weight: the weights of the module's formula.
        minimum_speech_s: net speech below which no decision is supported.
        maximum_speech_s: longest net speech of the fit; more counts as this much.
        num_target, num_nontarget: trials of the fit.
        operating_points: thresholds from loose to strict.
    """

    offset: float
    scale: float
    speech_scale: float
    speech_weight: float
    minimum_speech_s: float = DEFAULT_MINIMUM_SPEECH_S
    maximum_speech_s: float
    num_target: int
    num_nontarget: int
    operating_points: tuple[OperatingPoint, ...]

    def llr(self, score: float, *, enrolled_speech_s: float, probe_speech_s: float) -> float:
        """Log-likelihood ratio (natural log) of same speaker against different speakers."""
        speech_s = min(enrolled_speech_s, probe_speech_s)
        log_speech = math.log(min(max(speech_s, self.minimum_speech_s), self.maximum_speech_s))
        slope = self.scale + self.speech_scale * log_speech
        return self.offset + slope * score + self.speech_weight * log_speech

    def operating_point(self, far: float) -> OperatingPoint:
        """The threshold for an asked-for false-accept rate, log-linear between stored points.

        Raises:
            ConfigError: the calibration trials cannot support the request.
        """
        points = self.operating_points
        if not points:
            raise ConfigError(
                f"the model's {self.num_nontarget} nontarget calibration trials support no "
                "false-accept rate; calibrate on more trials"
            )
        loosest, strictest = points[0].far, points[-1].far
        if not strictest <= far <= loosest:
            raise ConfigError(
                f"expected a false-accept rate between {strictest:g} and {loosest:g} (what the "
                f"model's {self.num_nontarget} nontarget calibration trials support), got {far:g}"
            )
        log_far = np.log([point.far for point in reversed(points)])
        position = math.log(far)
        return OperatingPoint(
            far=far,
            frr=float(np.interp(position, log_far, [point.frr for point in reversed(points)])),
            llr=float(np.interp(position, log_far, [point.llr for point in reversed(points)])),
        )

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Calibration:
        """Rebuild from `dataclasses.asdict`."""
        points = tuple(OperatingPoint(**point) for point in values["operating_points"])
        return cls(**{**values, "operating_points": points})


def fit_calibration(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    speech_s: npt.ArrayLike,
    *,
    prior: float = 0.5,
    minimum_speech_s: float = DEFAULT_MINIMUM_SPEECH_S,
) -> Calibration:
    """Fit the weights by logistic regression, and the thresholds by counting.

    Trials with less than `minimum_speech_s` of speech get no decision and are left out.

    Args:
        scores: (N,) higher = more alike.
        labels: (N,) true = target trial.
        speech_s: (N,) net speech of the side that has less of it.
        prior: share of target trials that the fit weighs the classes to; 0.5 minimises Cllr.
        minimum_speech_s: of a decision.

    Raises:
        ValueError: shapes differ or values are not finite.
        ConfigError: no trials of one kind, or scores that do not tell targets from nontargets.
    """
    values = np.asarray(scores, dtype=np.float64)
    targets = np.asarray(labels, dtype=np.bool_)
    seconds = np.asarray(speech_s, dtype=np.float64)
    if not values.shape == targets.shape == seconds.shape or values.ndim != 1:
        raise ValueError(
            "expected three arrays of one shape (N,), got "
            f"{values.shape}, {targets.shape}, {seconds.shape}"
        )
    if not (np.isfinite(values).all() and np.isfinite(seconds).all() and 0 < prior < 1):
        raise ValueError("expected finite scores and speech_s, and a prior between 0 and 1")
    decided = seconds >= minimum_speech_s
    values, targets, seconds = values[decided], targets[decided], seconds[decided]
    if targets.all() or not targets.any():
        raise ConfigError(
            f"expected target and nontarget trials with {minimum_speech_s:g} s of speech, got "
            f"{targets.sum()} and {(~targets).sum()}; use other trials"
        )
    log_speech = np.log(seconds)
    offset, scale, speech_scale, speech_weight = _logistic_weights(
        np.column_stack([values, values * log_speech, log_speech]), targets, prior
    )
    slopes = scale + speech_scale * log_speech
    if not slopes.min() > 0:
        raise ConfigError(
            "expected scores that are higher for target trials, got a weight of "
            f"{slopes.min():.3g}; the model does not tell these speakers apart"
        )
    llrs = offset + slopes * values + speech_weight * log_speech
    return Calibration(
        offset=offset,
        scale=scale,
        speech_scale=speech_scale,
        speech_weight=speech_weight,
        minimum_speech_s=minimum_speech_s,
        maximum_speech_s=float(seconds.max()),
        num_target=int(targets.sum()),
        num_nontarget=int((~targets).sum()),
        operating_points=_operating_points(llrs[targets], llrs[~targets]),
    )


def _logistic_weights(
    inputs: npt.NDArray[np.float64], targets: npt.NDArray[np.bool_], prior: float
) -> tuple[float, ...]:
    """Offset and one weight per column of (N, K) inputs, such that their sum is an llr."""
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0)
    deviation[deviation == 0] = 1.0  # a constant input gets weight 0 from the ridge
    design = np.column_stack([np.ones(len(inputs)), (inputs - mean) / deviation])
    signs = np.where(targets, 1.0, -1.0)
    share = np.where(targets, prior / targets.sum(), (1 - prior) / (~targets).sum())
    importance = share * len(targets)
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


def _operating_points(
    target_llrs: npt.NDArray[np.float64], nontarget_llrs: npt.NDArray[np.float64]
) -> tuple[OperatingPoint, ...]:
    """For each supported rate the lowest threshold that accepts no larger share of nontargets."""
    falling = np.sort(nontarget_llrs)[::-1]
    points = []
    for far in FAR_GRID:
        # The small addition keeps 0.001 * 80000 from rounding to 79.
        num_accepted = math.floor(far * len(falling) + 1e-9)
        if num_accepted < MINIMUM_FALSE_ACCEPTS:
            break
        threshold = float(np.nextafter(falling[num_accepted], np.inf))
        points.append(
            OperatingPoint(far=far, frr=float(np.mean(target_llrs < threshold)), llr=threshold)
        )
    return tuple(points)
