"""From a score to a log-likelihood ratio, and from an asked-for error rate to a threshold.

    l   = ln s
    llr = offset + speech_weight l + speech_weight_curve l^2
        + (scale + speech_scale l + speech_scale_curve l^2) score

s is the harmonic mean of both sides' net speech in seconds: the scatter of a score comes from both,
as 1 / speech of each. Scores of long recordings lie higher and spread less, hence the products; and
the same llr of impostors is rarer the longer they spoke, hence a threshold that falls with ln s.
docs/decisions/0001 to 0003 have the figures.

The weights are fitted by logistic regression on the development trials when a model is exported
(N. Brummer, "Measuring, refining and calibrating speaker and language information", 2010, ch. 7),
the thresholds by quantile regression of the nontarget trials' llr on ln s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from speakersdk.calibration.quantile_regression import upper_curve, upper_offset
from speakersdk.calibration.regression import logistic_weights, rate_line
from speakersdk.errors import ConfigError

# Below this net speech the fit has seen no trials; INCONCLUSIVE is the honest answer.
DEFAULT_MINIMUM_SPEECH_S = 0.8
# False-accept rates for which thresholds are stored, if the trials support them.
FAR_GRID = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
# With 10 false accepts expected, the measured rate is within a factor of 2 (95 % interval).
MINIMUM_FALSE_ACCEPTS = 10
# Fewer false accepts do not tell how a threshold bends; it takes the shape of the next looser one.
_SHAPED_FALSE_ACCEPTS = 100

_Numbers = TypeVar("_Numbers", float, npt.NDArray[np.float64])


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """A threshold that follows the speech, and the error rates it had on the calibration trials.

    Attributes:
        far: false-accept rate: at most this share of the nontarget trials is accepted.
        frr: false-reject rate: share of the target trials rejected, over all lengths of the fit.
        llr: threshold for 1 s of comparable speech.
        llr_slope, llr_curve: by how much it changes with ln s and its square; models of before
            have no curve.
        frr_logit: log-odds of a false reject at 1 s of comparable speech.
        frr_slope: by how much they change with ln s.
    """

    far: float
    frr: float
    llr: float
    llr_slope: float
    frr_logit: float
    frr_slope: float
    llr_curve: float = 0.0

    def threshold(self, speech_s: float) -> float:
        """Accept when the llr is at least this; see `Calibration.comparable_speech_s`."""
        return self._at(math.log(speech_s))

    def thresholds(self, speech_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """`threshold` of many trials at once: (N,) -> (N,)."""
        return self._at(np.log(speech_s))

    def _at(self, log_speech: _Numbers) -> _Numbers:
        return self.llr + (self.llr_slope + self.llr_curve * log_speech) * log_speech

    def frr_at(self, speech_s: float) -> float:
        """Expected false-reject rate at so much comparable speech."""
        return (1 + math.tanh((self.frr_logit + self.frr_slope * math.log(speech_s)) / 2)) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Logistic calibration and its operating points, ordered by falling FAR.

    Attributes:
        offset, scale, speech_scale, speech_weight, speech_scale_curve, speech_weight_curve: the
            weights of the module's formula; models of before have no curves.
        minimum_speech_s: net speech of a side below which no decision is supported.
        maximum_speech_s: longest net speech of a side in the fit; more counts as this much.
        num_target, num_nontarget: trials of the fit.
        operating_points: thresholds from loose to strict.
    """

    offset: float
    scale: float
    speech_scale: float
    speech_weight: float
    speech_scale_curve: float = 0.0
    speech_weight_curve: float = 0.0
    minimum_speech_s: float = DEFAULT_MINIMUM_SPEECH_S
    maximum_speech_s: float
    num_target: int
    num_nontarget: int
    operating_points: tuple[OperatingPoint, ...]

    def comparable_speech_s(self, a_s: float, b_s: float) -> float:
        """S of the formulas: harmonic mean of both sides' speech, each held to that of the fit."""
        a_s, b_s = (
            min(max(side_s, self.minimum_speech_s), self.maximum_speech_s) for side_s in (a_s, b_s)
        )
        return float(_harmonic_mean(a_s, b_s))

    def llr(self, score: float, *, enrolled_speech_s: float, probe_speech_s: float) -> float:
        """Log-likelihood ratio (natural log) of same speaker against different speakers."""
        log_speech = math.log(self.comparable_speech_s(enrolled_speech_s, probe_speech_s))
        return self._slope(log_speech) * score + self._intercept(log_speech)

    def llrs(
        self, scores: npt.NDArray[np.float64], speech_s: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """`llr` and `comparable_speech_s` of many trials.

        Args:
            scores: (N,)
            speech_s: (N, 2) net speech of both sides.
        """
        a_s, b_s = np.clip(speech_s, self.minimum_speech_s, self.maximum_speech_s).T
        comparable_s = _harmonic_mean(a_s, b_s)
        log_speech = np.log(comparable_s)
        return self._slope(log_speech) * scores + self._intercept(log_speech), comparable_s

    def operating_point(self, far: float) -> OperatingPoint:
        """The thresholds for an asked-for false-accept rate, log-linear between stored points.

        Raises:
            ConfigError: the calibration trials cannot support the request.
        """
        self._check_support(far)
        rising = self.operating_points[::-1]
        log_fars = np.log([point.far for point in rising])
        between = {
            field.name: float(
                np.interp(math.log(far), log_fars, [getattr(point, field.name) for point in rising])
            )
            for field in fields(OperatingPoint)
            if field.name != "far"
        }
        return OperatingPoint(far=far, **between)

    def check_threshold(self, llr: float) -> None:
        """Refuse a threshold further out than the nontarget trials were counted.

        Of right llrs, at most e^-llr of the nontarget trials reach a threshold; it is supported as
        far as that rate is.

        Raises:
            ConfigError: the calibration trials cannot support it.
        """
        points = self.operating_points
        highest = -math.log(points[-1].far) if points else -math.inf
        if not llr <= highest:
            most = f"at most {highest:.2f}" if points else "none"
            raise ConfigError(
                f"expected prior and costs that ask for a threshold of {most} (what the model's "
                f"{self.num_nontarget} nontarget calibration trials support), got {llr:.2f}; a "
                "likelier speaker or a cheaper false accept lowers it"
            )

    def _slope(self, log_speech: _Numbers) -> _Numbers:
        return self.scale + (self.speech_scale + self.speech_scale_curve * log_speech) * log_speech

    def _intercept(self, log_speech: _Numbers) -> _Numbers:
        curve = self.speech_weight_curve * log_speech
        return self.offset + (self.speech_weight + curve) * log_speech

    def _check_support(self, far: float) -> None:
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
    weights: npt.ArrayLike | None = None,
    prior: float = 0.5,
    minimum_speech_s: float = DEFAULT_MINIMUM_SPEECH_S,
) -> Calibration:
    """Fit the weights by logistic regression, and the thresholds by quantile regression.

    Trials with a side of less than `minimum_speech_s` get no decision and are left out.

    Args:
        scores: (N,) higher = more alike.
        labels: (N,) true = target trial.
        speech_s: (N, 2) net speech of both sides.
        weights: (N,) how much each trial counts among those of its kind in the llr, such as
            `balanced_weights`; None = as much as any other. Thresholds count every trial once.
        prior: share of target trials that the fit weighs the classes to; 0.5 minimises Cllr.
        minimum_speech_s: of a decision.

    Raises:
        ValueError: shapes differ, values are not finite, or a weight is not above 0.
        ConfigError: no trials of one kind, or scores that do not tell targets from nontargets.
    """
    values = np.asarray(scores, dtype=np.float64)
    targets = np.asarray(labels, dtype=np.bool_)
    seconds = np.asarray(speech_s, dtype=np.float64)
    counts = np.ones(targets.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    shapes = (values.shape, targets.shape, counts.shape, seconds.shape)
    if shapes != (values.shape[:1],) * 3 + ((*values.shape[:1], 2),):
        raise ValueError(f"expected scores, labels, weights (N,) and speech_s (N, 2), got {shapes}")
    if not (np.isfinite(values).all() and np.isfinite(seconds).all() and 0 < prior < 1):
        raise ValueError("expected finite scores and speech_s, and a prior between 0 and 1")
    if not (np.isfinite(counts).all() and (counts > 0).all()):
        raise ValueError("expected finite weights above 0")
    decided = (seconds >= minimum_speech_s).all(axis=1)
    values, targets = values[decided], targets[decided]
    seconds, counts = seconds[decided], counts[decided]
    if targets.all() or not targets.any():
        raise ConfigError(
            f"expected target and nontarget trials with {minimum_speech_s:g} s of speech, got "
            f"{targets.sum()} and {(~targets).sum()}; use other trials"
        )
    log_speech = np.log(_harmonic_mean(*seconds.T))
    powers = np.column_stack([log_speech, log_speech**2])
    offset, *fitted = logistic_weights(
        np.column_stack([values, values[:, np.newaxis] * powers, powers]),
        targets,
        prior,
        counts=counts,
    )
    calibration = Calibration(
        offset=offset,
        scale=fitted[0],
        speech_scale=fitted[1],
        speech_scale_curve=fitted[2],
        speech_weight=fitted[3],
        speech_weight_curve=fitted[4],
        minimum_speech_s=minimum_speech_s,
        maximum_speech_s=float(seconds.max()),
        num_target=int(targets.sum()),
        num_nontarget=int((~targets).sum()),
        operating_points=(),
    )
    least = calibration._slope(log_speech).min()
    if not least > 0:
        raise ConfigError(
            "expected scores that are higher for target trials, got a weight of "
            f"{least:.3g}; the model does not tell these speakers apart"
        )
    llrs, _ = calibration.llrs(values, seconds)
    return replace(calibration, operating_points=_operating_points(llrs, targets, log_speech))


def balanced_weights(
    labels: npt.ArrayLike, speakers: npt.ArrayLike, groups: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Weights by which no length and no talkative speaker outweighs the others.

    The trials of one kind in one group weigh 1 together. Within them a trial weighs as
    1 / sqrt(n_a n_b) with n the number of trials of each of its two speakers.

    Args:
        labels: (N,) true = target trial.
        speakers: (N, 2) of the two sides, numbered from 0.
        groups: (N,) which trials are of one sort, such as of one list or length.

    Returns:
        (N,)
    """
    targets, sides, sorts = (
        np.asarray(labels, bool), np.asarray(speakers, np.int64), np.asarray(groups)
    )  # fmt: skip
    weights = np.zeros(len(targets))
    for sort in np.unique(sorts):
        for kind in (targets, ~targets):
            here = kind & (sorts == sort)
            shares = 1 / np.sqrt(np.bincount(sides[here].ravel())[sides[here]].prod(axis=1))
            weights[here] = shares / shares.sum()
    return weights


def _operating_points(
    llrs: npt.NDArray[np.float64],
    targets: npt.NDArray[np.bool_],
    log_speech: npt.NDArray[np.float64],
) -> tuple[OperatingPoint, ...]:
    """Thresholds of each supported rate: none accepts a larger share of the nontargets."""
    points: list[OperatingPoint] = []
    slope = curve = 0.0
    for far in FAR_GRID:
        # The small addition keeps 0.001 * 80000 from rounding to 79.
        num_accepted = math.floor(far * np.count_nonzero(~targets) + 1e-9)
        if num_accepted < MINIMUM_FALSE_ACCEPTS:
            break
        if num_accepted >= _SHAPED_FALSE_ACCEPTS:
            _, slope, curve = upper_curve(llrs[~targets], log_speech[~targets], num_accepted)
        shape = (slope + curve * log_speech) * log_speech
        llr = upper_offset((llrs - shape)[~targets], num_accepted)
        thresholds = llr + shape
        rejected = (llrs < thresholds)[targets]
        frr_logit, frr_slope = rate_line(rejected, log_speech[targets])
        points.append(
            OperatingPoint(
                far=far,
                frr=float(rejected.mean()),
                llr=llr,
                llr_slope=slope,
                llr_curve=curve,
                frr_logit=frr_logit,
                frr_slope=frr_slope,
            )
        )
    return tuple(points)


def _harmonic_mean(a: _Numbers, b: _Numbers) -> _Numbers:
    return 2 / (1 / a + 1 / b)
