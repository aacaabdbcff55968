"""Calibration: from a score to a log-likelihood ratio, from an error rate to a threshold.

    l   = ln s
    llr = offset + speech_weight l + speech_weight_curve l^2
        + (scale + speech_scale l + speech_scale_curve l^2) score

s is the harmonic mean of the net speech of both sides in seconds, because each side adds scatter in
proportion to 1 / its speech. Scores of long recordings are higher and spread less, which explains
the products. The longer impostors speak, the more rarely they reach a given LLR, and the threshold
therefore falls with ln s. docs/adr/0001 to 0003 have the figures.

`speakersdk.calibration.fit` fits the weights by logistic regression on the development trials when
a model is exported, and the thresholds by quantile regression of the nontarget LLRs on ln s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from speakersdk.calibration.cohort import TYPICAL, Cohort, Nearness, pairs
from speakersdk.errors import ConfigError

# The fit has no trials with less net speech, and therefore no decision is possible below this.
DEFAULT_MINIMUM_SPEECH_S: Final = 0.8
# Limits that no fit reaches. The default model's LLR of two equal embeddings is 17, and the weight
# of its score 915; a fit on a dozen trials had an LLR of -151 at the shortest speech.
_MAXIMUM_LLR: Final = 1000.0
_MAXIMUM_WEIGHT: Final = 1e6
_MAXIMUM_TRIALS: Final = 10**12
_MAXIMUM_SPEECH_S: Final = 86_400.0  # one day

_Numbers = TypeVar("_Numbers", float, npt.NDArray[np.float64])

# Fields that are not numbers.
_NO_NUMBERS: Final = {"operating_points", "cohort", "measured_on"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """A threshold that depends on the speech, and its error rates on the calibration trials.

    Attributes:
        far: false-accept rate; at most this share of the nontarget trials is accepted.
        frr: false-reject rate, the share of rejected target trials over all lengths of the fit.
        llr: threshold for 1 s of comparable speech.
        llr_slope, llr_curve: change of the threshold per ln s and per its square; older models have
            no curve.
        frr_logit: log-odds of a false reject at 1 s of comparable speech.
        frr_slope: change of these log-odds per ln s.
        llr_nearness: increase of the threshold with the nearness of both sides to the cohort
            in LLR per nat; 0 without a cohort.
        llr_gap: increase with the distance of their conditions in llr per nat; 0 without a cohort.
        llr_telephone: increase with telephone on both sides in llr per nat; 0 without a cohort.
        elsewhere_low, elsewhere_high: false-accept rates on corpora that were left
            out of the fit; 90 % of corpora and conditions lie between. 0 and 1 mean not measured.
        longest_s, least_excess, most_distance: limits of the fit. More comparable speech, a smaller
            excess or a larger distance counts as the limit, because each of them would lower the
            threshold further than was measured. Older models have no limits.
    """

    far: float
    frr: float
    llr: float
    llr_slope: float
    frr_logit: float
    frr_slope: float
    llr_curve: float = 0.0
    llr_nearness: float = 0.0
    llr_gap: float = 0.0
    elsewhere_low: float = 0.0
    elsewhere_high: float = 1.0
    llr_telephone: float = 0.0
    longest_s: float = _MAXIMUM_SPEECH_S
    least_excess: float = -_MAXIMUM_WEIGHT
    most_distance: float = _MAXIMUM_WEIGHT

    def __post_init__(self) -> None:
        _check_numbers(self)
        if not 0 <= self.elsewhere_low <= self.elsewhere_high <= 1:
            raise ConfigError(
                "expected rates on other corpora from 0 to 1, the lower one first, got "
                f"{self.elsewhere_low:g} and {self.elsewhere_high:g}"
            )
        if not (0 < self.far < 1 and 0 <= self.frr <= 1):
            raise ConfigError(
                "expected a false-accept rate between 0 and 1 and a false-reject rate from 0 to 1, "
                f"got {self.far:g} and {self.frr:g}"
            )

    def threshold(self, speech_s: float, nearness: Nearness = TYPICAL) -> float:
        """Return the lowest LLR at which a trial is accepted.

        Args:
            speech_s: see `Calibration.comparable_speech_s`.
            nearness: nearness of both sides, see `Calibration.nearness`.
        """
        return self._at(math.log(min(speech_s, self.longest_s))) + self._rise(
            max(nearness.excess, self.least_excess),
            min(nearness.distance, self.most_distance),
            nearness.telephone,
        )

    def thresholds(
        self,
        speech_s: npt.NDArray[np.float64],
        nearness: npt.NDArray[np.float64] | None = None,
    ) -> npt.NDArray[np.float64]:
        """Return the thresholds of many trials.

        Args:
            speech_s: (N,) comparable speech in seconds.
            nearness: (N, 3), see `Nearness`; None means typical.

        Returns:
            (N,)
        """
        thresholds = self._at(np.log(np.minimum(speech_s, self.longest_s)))
        if nearness is None:
            return thresholds
        return thresholds + self._rise(
            np.maximum(nearness[:, 0], self.least_excess),
            np.minimum(nearness[:, 1], self.most_distance),
            nearness[:, 2],
        )

    def caution(self, nearness: Nearness) -> str | None:
        """Return why the threshold of a pair is stricter than usual; None if it is not.

        Pairs beyond the limits of the fit get the threshold at the limit, which is higher.
        """
        if nearness.excess < self.least_excess:
            return "recordings unlike any that were measured"
        if nearness.distance > self.most_distance:
            return "sides recorded in ways further apart than any that were measured"
        if self.llr_telephone * nearness.telephone > 0:
            return "telephone-like speech on both sides"
        return None

    def _at(self, log_speech: _Numbers) -> _Numbers:
        return self.llr + (self.llr_slope + self.llr_curve * log_speech) * log_speech

    def _rise(self, excess: _Numbers, distance: _Numbers, telephone: _Numbers) -> _Numbers:
        return self.llr_nearness * excess + self.llr_gap * distance + self.llr_telephone * telephone

    def frr_at(self, speech_s: float) -> float:
        """Return the expected false-reject rate at this much comparable speech."""
        return (1 + math.tanh((self.frr_logit + self.frr_slope * math.log(speech_s)) / 2)) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Logistic calibration and its operating points, ordered by falling FAR.

    Attributes:
        offset, scale, speech_scale, speech_weight, speech_scale_curve, speech_weight_curve: the
            weights of the module's formula; older models have no curves.
        minimum_speech_s: net speech of a side in seconds below which there is no decision.
        maximum_speech_s: longest net speech of a side in the fit in seconds; more counts as this.
        num_target, num_nontarget: numbers of trials in the fit.
        operating_points: thresholds from loose to strict.
        cohort: shows how similar strangers sound on such recordings, for the thresholds; None if
            these depend only on the speech.
        measured_on: names of the corpora and conditions of the fit.
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
    cohort: Cohort | None = None
    measured_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values that no fit produces; an infinite offset would accept everybody.

        Raises:
            ConfigError: a value is out of range; the message names it.
        """
        _check_numbers(self)
        if not isinstance(self.cohort, Cohort | None):
            raise ConfigError(f"expected a cohort or none, got {repr(self.cohort)[:20]}")
        if not 0 < self.minimum_speech_s <= self.maximum_speech_s <= _MAXIMUM_SPEECH_S:
            raise ConfigError(
                "expected minimum_speech_s above 0 and at most maximum_speech_s, and that at most "
                f"{_MAXIMUM_SPEECH_S:g}, got {self.minimum_speech_s:g} and "
                f"{self.maximum_speech_s:g}"
            )
        if min(self.num_target, self.num_nontarget) < 1:
            raise ConfigError(
                "expected at least one target and one nontarget trial, got "
                f"{self.num_target} and {self.num_nontarget}"
            )
        fars = [point.far for point in self.operating_points]
        if any(strict >= loose for loose, strict in pairwise(fars)):
            raise ConfigError(f"expected operating points by falling rate, got rates of {fars}")
        self._check_curves()

    def _check_curves(self) -> None:
        """Check the formula and the thresholds at every supported length of speech."""
        least, _ = self._extremes(self.scale, self.speech_scale, self.speech_scale_curve)
        if not least > 0:
            raise ConfigError(
                "expected scores that are higher for the same speaker, got a weight of the score "
                f"of {least:.3g}; the model does not tell speakers apart"
            )
        curves = {
            "offset": (self.offset, self.speech_weight, self.speech_weight_curve),
            **{
                f"threshold for a rate of {point.far:g}": (
                    point.llr, point.llr_slope, point.llr_curve
                )
                for point in self.operating_points
            },
        }  # fmt: skip
        for name, curve in curves.items():
            furthest = max(self._extremes(*curve), key=abs)
            if not abs(furthest) <= _MAXIMUM_LLR:
                raise ConfigError(
                    f"expected the {name} within {_MAXIMUM_LLR:g} of 0 at every length of speech, "
                    f"got {furthest:.3g}"
                )

    def _extremes(self, constant: float, slope: float, curve: float) -> tuple[float, float]:
        """Return the extremes of the parabola in ln s between the lengths of the fit."""
        ends = math.log(self.minimum_speech_s), math.log(self.maximum_speech_s)
        places = list(ends)
        if curve != 0 and ends[0] < -slope / (2 * curve) < ends[1]:
            places.append(-slope / (2 * curve))
        values = [constant + (slope + curve * place) * place for place in places]
        return min(values), max(values)

    def comparable_speech_s(self, a_s: float, b_s: float) -> float:
        """Return s of the formulas: the harmonic mean of both sides' speech, clipped to the fit."""
        least_s, most_s = self.minimum_speech_s, self.maximum_speech_s
        a_s, b_s = min(max(a_s, least_s), most_s), min(max(b_s, least_s), most_s)
        return float(harmonic_mean(a_s, b_s))

    def nearness(self, embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return the (B, K) nearness of (B, D) embeddings; zeros without a cohort."""
        if self.cohort is None:
            return np.zeros((len(embeddings), 3))
        return self.cohort.nearness(embeddings)

    def pair_nearness(
        self, enrolled: npt.NDArray[np.float32], probe: npt.NDArray[np.float32]
    ) -> list[Nearness]:
        """Return the nearness of each pair of enrolled (N, D) and probe (D,) embeddings."""
        if self.cohort is None:
            return [TYPICAL] * len(enrolled)
        found = self.cohort.nearness(np.concatenate([enrolled, probe[np.newaxis]]))
        return pairs(found[:-1], found[-1:])[0]

    def llr(self, score: float, *, enrolled_speech_s: float, probe_speech_s: float) -> float:
        """Return the natural log-likelihood ratio of same speaker to different speakers."""
        return self.llr_at(score, self.comparable_speech_s(enrolled_speech_s, probe_speech_s))

    def llr_at(self, score: float, comparable_s: float) -> float:
        """Return `llr` where `comparable_speech_s` is known."""
        log_speech = math.log(comparable_s)
        return self._score_weight(log_speech) * score + self._intercept(log_speech)

    def llrs(
        self, scores: npt.NDArray[np.float64], speech_s: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return `llr` and `comparable_speech_s` of many trials.

        Args:
            scores: (N,) scores
            speech_s: (N, 2) net speech of both sides.
        """
        a_s, b_s = np.clip(speech_s, self.minimum_speech_s, self.maximum_speech_s).T
        comparable_s = harmonic_mean(a_s, b_s)
        log_speech = np.log(comparable_s)
        return self._score_weight(log_speech) * scores + self._intercept(log_speech), comparable_s

    def operating_point(self, far: float) -> OperatingPoint:
        """Return the thresholds for a false-accept rate, log-linear between stored points.

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
        """Refuse a threshold beyond the rates that the nontarget trials support.

        If the LLRs are correct, at most e^-llr of the nontarget trials reach a threshold. The
        threshold is supported if that rate is.

        Raises:
            ConfigError: the calibration trials cannot support the threshold.
        """
        points = self.operating_points
        highest = -math.log(points[-1].far) if points else -math.inf
        if not llr <= highest:
            most = f"at most {highest:.2f}" if points else "none"
            raise ConfigError(
                f"expected prior and costs that ask for a threshold of {most} (what the model's "
                f"{self.num_nontarget} nontarget calibration trials support), got {llr:.2f}; a "
                "more likely speaker or a cheaper false accept lowers it"
            )

    def _score_weight(self, log_speech: _Numbers) -> _Numbers:
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
            rates = f"between {strictest:g} and {loosest:g}"
            if strictest == loosest:
                rates = f"of {loosest:g} and no other"
            raise ConfigError(
                f"expected a false-accept rate {rates} (what the "
                f"model's {self.num_nontarget} nontarget calibration trials support), got {far:g}"
            )

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Calibration:
        """Rebuild from `dataclasses.asdict`.

        Raises:
            ConfigError: a value is out of range.
            KeyError, TypeError: a field is missing or unknown.
        """
        points = tuple(OperatingPoint(**point) for point in values["operating_points"])
        stored = values.get("cohort")
        return cls(
            **{
                **values,
                "operating_points": points,
                "cohort": None if stored is None else Cohort(**stored),
                "measured_on": tuple(values.get("measured_on", ())),
            }
        )


def harmonic_mean(a: _Numbers, b: _Numbers) -> _Numbers:
    """Return the comparable speech of two sides with `a` and `b` seconds."""
    return 2 / (1 / a + 1 / b)


def _check_numbers(values: Calibration | OperatingPoint) -> None:
    """Refuse a field that is not a number or that no fit reaches.

    Raises:
        ConfigError: a field is invalid; the message names it.
    """
    for field in fields(values):
        if field.name in _NO_NUMBERS:
            continue
        value = getattr(values, field.name)
        is_count = field.name.startswith("num_")
        kind, most = ("whole number", _MAXIMUM_TRIALS) if is_count else ("number", _MAXIMUM_WEIGHT)
        types = int if is_count else int | float
        is_right = isinstance(value, types) and not isinstance(value, bool)
        if not (is_right and abs(value) <= most):
            got = repr(value)[:20]
            raise ConfigError(
                f"expected {field.name} to be a {kind} of at most {most:g}, got {got}"
            )
