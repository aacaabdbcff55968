"""The fit of a calibration on trials: the weights of its formula, and a threshold per error rate.

trials with enough speech -> logistic regression -> llrs -> quantile regression -> operating points

Export fits the calibration of a model, and benchmarks fit their own. The runtime only reads one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.calibration.calibration import (
    DEFAULT_MINIMUM_SPEECH_S,
    Calibration,
    OperatingPoint,
    harmonic_mean,
)
from speakersdk.calibration.regression import (
    logistic_weights,
    rate_line,
    upper_curve,
    upper_offset,
)
from speakersdk.errors import ConfigError

# False-accept rates for which thresholds are stored, if the trials support them.
FAR_GRID: Final = (0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
# With 10 expected false accepts the measured rate is within a factor of 2 (95 % interval).
MINIMUM_FALSE_ACCEPTS: Final = 10
# With fewer false accepts a threshold has the shape of the next looser one.
_SHAPED_FALSE_ACCEPTS: Final = 100

_Floats = npt.NDArray[np.float64]
_Flags = npt.NDArray[np.bool_]


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

    Trials with less than `minimum_speech_s` on one side get no decision and are left out.

    Args:
        scores: (N,), higher for more similar.
        labels: (N,), true for target trials.
        speech_s: (N, 2) net speech of both sides.
        weights: (N,) weight of each trial among those of its class in the fit of the LLR, such as
            `balanced_weights`; None means equal weights. Thresholds count every trial once.
        prior: weight of the target trials in the fit; 0.5 minimizes Cllr.
        minimum_speech_s: net speech of a side in seconds that a decision needs.

    Raises:
        ValueError: shapes differ, values are not finite, or a weight is not above 0.
        ConfigError: there are no trials of one class, or scores do not separate targets from
            nontargets.
    """
    if not 0 < prior < 1:
        raise ValueError(f"expected a prior between 0 and 1, got {prior}")
    trials = _Trials.checked(scores, labels, speech_s, weights).with_speech(minimum_speech_s)
    calibration = _without_points(trials, prior, minimum_speech_s)
    llrs, comparable_s = calibration.llrs(trials.scores, trials.speech_s)
    points = _operating_points(llrs, trials.targets, np.log(comparable_s))
    return replace(calibration, operating_points=points)


def balanced_weights(
    labels: npt.ArrayLike, speakers: npt.ArrayLike, groups: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Return weights that balance groups, classes and speakers.

    The weights of one class in one group add up to 1. Within a group the weight of a trial is
    proportional to 1 / sqrt(n_a n_b), with n the number of trials of each of its two speakers.

    Args:
        labels: (N,), true for target trials.
        speakers: (N, 2) numbers of the speakers of both sides, from 0.
        groups: (N,) number of each trial's group, such as its list or length.

    Returns:
        (N,) weights
    """
    targets, sides = np.asarray(labels, bool), np.asarray(speakers, np.int64)
    group_of = np.asarray(groups)
    weights = np.empty(len(targets))
    for group in np.unique(group_of):
        for kind in (targets, ~targets):
            chosen = kind & (group_of == group)
            shares = 1 / np.sqrt(np.bincount(sides[chosen].ravel())[sides[chosen]].prod(axis=1))
            weights[chosen] = shares / shares.sum()
    return weights


@dataclass(frozen=True, slots=True, eq=False)
class _Trials:
    """Arrays with one entry per trial; `speech_s` has both sides: (N, 2)."""

    scores: _Floats
    targets: _Flags
    speech_s: _Floats
    weights: _Floats

    @classmethod
    def checked(
        cls,
        scores: npt.ArrayLike,
        labels: npt.ArrayLike,
        speech_s: npt.ArrayLike,
        weights: npt.ArrayLike | None,
    ) -> _Trials:
        """Return checked trials; raise ValueError if shapes differ or a value is out of range."""
        values = np.asarray(scores, dtype=np.float64)
        targets = np.asarray(labels, dtype=np.bool_)
        seconds = np.asarray(speech_s, dtype=np.float64)
        counts = np.ones(targets.shape) if weights is None else np.asarray(weights, np.float64)
        shapes = (values.shape, targets.shape, counts.shape, seconds.shape)
        if values.ndim != 1 or shapes != (values.shape,) * 3 + ((*values.shape, 2),):
            raise ValueError(
                f"expected scores, labels, weights (N,) and speech_s (N, 2), got {shapes}"
            )
        if not (np.isfinite(values).all() and np.isfinite(seconds).all()):
            raise ValueError("expected finite scores and speech_s")
        if not (np.isfinite(counts).all() and (counts > 0).all()):
            raise ValueError("expected finite weights above 0")
        return cls(values, targets, seconds, counts)

    def with_speech(self, minimum_s: float) -> _Trials:
        """Return the trials whose sides both have this much speech.

        Raises:
            ConfigError: all of these trials are of one class.
        """
        decided = (self.speech_s >= minimum_s).all(axis=1)
        targets = self.targets[decided]
        if targets.all() or not targets.any():
            raise ConfigError(
                f"expected target and nontarget trials with {minimum_s:g} s of speech, got "
                f"{targets.sum()} and {(~targets).sum()}; use other trials"
            )
        return _Trials(self.scores[decided], targets, self.speech_s[decided], self.weights[decided])


def _without_points(trials: _Trials, prior: float, minimum_speech_s: float) -> Calibration:
    """Fit the calibration without operating points.

    Raises:
        ConfigError: the scores do not separate targets from nontargets.
    """
    scores, log_speech = trials.scores, np.log(harmonic_mean(*trials.speech_s.T))
    powers = np.column_stack([log_speech, log_speech**2])
    offset, *fitted = logistic_weights(
        np.column_stack([scores, scores[:, np.newaxis] * powers, powers]),
        trials.targets,
        prior,
        counts=trials.weights,
    )
    return Calibration(
        offset=offset,
        scale=fitted[0],
        speech_scale=fitted[1],
        speech_scale_curve=fitted[2],
        speech_weight=fitted[3],
        speech_weight_curve=fitted[4],
        minimum_speech_s=minimum_speech_s,
        maximum_speech_s=float(trials.speech_s.max()),
        num_target=int(trials.targets.sum()),
        num_nontarget=int((~trials.targets).sum()),
        operating_points=(),
    )


def _operating_points(
    llrs: _Floats, targets: _Flags, log_speech: _Floats
) -> tuple[OperatingPoint, ...]:
    """Fit a threshold for each supported rate, which no larger share of nontargets reaches."""
    nontargets = ~targets
    points: list[OperatingPoint] = []
    slope = curve = 0.0
    for far in FAR_GRID:
        # The small addition keeps 0.001 * 80000 from rounding to 79.
        num_accepted = math.floor(far * np.count_nonzero(nontargets) + 1e-9)
        if num_accepted < MINIMUM_FALSE_ACCEPTS:
            break
        if num_accepted >= _SHAPED_FALSE_ACCEPTS:
            _, slope, curve = upper_curve(llrs[nontargets], log_speech[nontargets], num_accepted)
        shape = (slope + curve * log_speech) * log_speech
        llr = upper_offset((llrs - shape)[nontargets], num_accepted)
        rejected = (llrs < llr + shape)[targets]
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
