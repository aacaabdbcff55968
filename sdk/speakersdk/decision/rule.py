"""Decision rules: the threshold for a probe, given an error rate or a prior and costs."""

from __future__ import annotations

import math
import numbers
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from speakersdk.audio.levels import OVERDRIVEN_SHARE, QUIET_DBFS
from speakersdk.calibration.calibration import Calibration, OperatingPoint
from speakersdk.calibration.cohort import TYPICAL, Nearness
from speakersdk.decision.outcome import Decision, Promise, Verdict
from speakersdk.errors import ConfigError, ModelError
from speakersdk.metrics import bayes_threshold

DEFAULT_FAR: Final = 0.01
# If more of the speaker's own recordings miss the threshold, missing it is no reason to reject.
_SUPPORTED_FRR: Final = 0.5
# A syllable is longer; a tone or a click has fewer frames that resemble speech.
SHORTEST_SPEECH_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A user's request for decisions, which does not depend on a model.

    Attributes:
        far: false-accept rate of one comparison; None if there is a prior; the default is 0.01.
        prior: probability of the same speaker without evidence; None with a rate.
        c_miss, c_fa: costs of a false reject and of a false accept, with a prior.
    """

    far: float | None = None
    prior: float | None = None
    c_miss: float = 1.0
    c_fa: float = 1.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is None and name in ("far", "prior"):
                continue
            if isinstance(value, bool) or not isinstance(value, numbers.Real):
                raise ConfigError(f"expected {name} to be a number such as 0.01, got {value!r}")
        if self.prior is None:
            if (self.c_miss, self.c_fa) != (1.0, 1.0):
                raise ConfigError("expected a prior with c_miss and c_fa, got none; add prior=0.5")
            if not 0 < self.requested_far < 1:
                raise ConfigError(f"expected a false-accept rate between 0 and 1, got {self.far}")
            return
        if self.far is not None:
            raise ConfigError(
                "expected a false-accept rate or a prior, got both; leave one of them out"
            )
        try:
            bayes_threshold(p_target=self.prior, c_miss=self.c_miss, c_fa=self.c_fa)
        except ValueError as error:
            raise ConfigError(str(error)) from error

    @property
    def requested_far(self) -> float:
        """The requested false-accept rate, for requests without a prior."""
        return DEFAULT_FAR if self.far is None else self.far

    def to_json(self) -> dict[str, Any]:
        """Return the request as values for JSON reports."""
        if self.prior is None:
            return {"far": self.requested_far}
        return {"prior": self.prior, "c_miss": self.c_miss, "c_fa": self.c_fa}

    def model_rule(self, calibration: Calibration | None, model_name: str) -> DecisionRule:
        """Return the thresholds of a model for the request.

        Raises:
            ModelError: the model has no calibration.
            ConfigError: as for `rule`.
        """
        if calibration is None:
            raise ModelError(
                f"expected a calibrated model, got {model_name} without calibration, which "
                "supports no decision; export or adopt it again with --trials, or use only scores "
                "(Verifier.score, speakersdk score)"
            )
        return self.rule(calibration)

    def check_sequential(self) -> None:
        """Refuse a request that streams cannot meet.

        Raises:
            ConfigError: there is a prior.
        """
        if self.prior is not None:
            raise ConfigError(
                "streams decide at a false-accept rate, got a prior; use Verifier(far=...)"
            )

    def rule(self, calibration: Calibration) -> DecisionRule:
        """Return the thresholds of a calibration for the request.

        Raises:
            ConfigError: the calibration trials cannot support it; the message says what they
                support.
        """
        if self.prior is None:
            point = calibration.operating_point(self.requested_far)
            return DecisionRule(calibration=calibration, point=point, prior=0.5)
        llr = bayes_threshold(p_target=self.prior, c_miss=self.c_miss, c_fa=self.c_fa)
        calibration.check_threshold(llr)
        return DecisionRule(calibration=calibration, bayes_llr=llr, prior=self.prior)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRule:
    """A map from a score and the speech of both sides to a decision.

    Attributes:
        calibration: map from score to LLR.
        prior: probability of the same speaker, for `Decision.probability`.
        point: thresholds by speech for the requested false-accept rate.
        bayes_llr: the threshold of minimum expected cost, if there is no point.
        promise: the rate for which thresholds are set; None if costs set them.
    """

    calibration: Calibration
    prior: float
    point: OperatingPoint | None = None
    bayes_llr: float = 0.0
    promise: Promise | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.point is None:
            return
        promise = Promise(
            far=self.point.far,
            elsewhere=(self.point.elsewhere_low, self.point.elsewhere_high),
            measured_on=self.calibration.measured_on,
        )
        object.__setattr__(self, "promise", promise)

    def threshold(
        self, *, enrolled_speech_s: float, probe_speech_s: float, nearness: Nearness = TYPICAL
    ) -> float:
        """Return the LLR that a probe must reach.

        Args:
            enrolled_speech_s, probe_speech_s: net speech of the two sides.
            nearness: nearness of their embeddings, see `Calibration.pair_nearness`.
        """
        return self.threshold_at(
            self.calibration.comparable_speech_s(enrolled_speech_s, probe_speech_s), nearness
        )

    def threshold_at(self, comparable_s: float, nearness: Nearness = TYPICAL) -> float:
        """`threshold` where `Calibration.comparable_speech_s` is known."""
        if self.point is None:
            return self.bayes_llr
        return self.point.threshold(comparable_s, nearness)

    def decide(
        self,
        score: float,
        *,
        enrolled_speech_s: float,
        probe_speech_s: float,
        probe_dbfs: float | None = None,
        probe_clipped_share: float | None = None,
        nearness: Nearness = TYPICAL,
    ) -> Decision:
        """Accept, reject, or ask for more or better speech.

        The answer is INCONCLUSIVE if the evidence is in favor but misses a threshold that most
        recordings of the speaker with so little speech would miss, or if the probe is too quiet or
        too clipped to reject (`QUIET_DBFS` and `OVERDRIVEN_SHARE` of `speakersdk.audio.levels`).

        Args:
            score: the score, -J in nats.
            enrolled_speech_s, probe_speech_s: net speech of both sides.
            probe_dbfs: level of the probe's speech; None means unknown, and is then ignored.
            probe_clipped_share: share of its samples that lie at full scale; None as above.
            nearness: nearness of their embeddings, see `Calibration.pair_nearness`.
        """
        comparable_s = self.calibration.comparable_speech_s(enrolled_speech_s, probe_speech_s)
        llr = self.calibration.llr_at(score, comparable_s)
        decision = Decision.from_evidence(
            score=score,
            llr=llr,
            threshold=self.threshold_at(comparable_s, nearness),
            speech_s=probe_speech_s,
            prior=self.prior,
            caution=None if self.point is None else self.point.caution(nearness),
            promise=self.promise,
        )
        poor = _poor_speech(probe_dbfs, probe_clipped_share)
        if poor and not decision.accepted:
            return decision.inconclusive(f"{decision.reason}, but {poor}")
        if self.point is None or decision.accepted or llr < 0:
            return decision
        frr = self.point.frr_at(comparable_s)
        reason = f"{decision.reason}, which {frr:.0%} of a speaker's own recordings miss at "
        if frr <= _SUPPORTED_FRR:
            return replace(decision, reason=f"{reason}this much speech; try again with more")
        advice = _advice(self.point, self.calibration)
        return decision.inconclusive(f"{reason}so little speech{advice}")

    def undecidable(
        self, verdict: Verdict, reason: str, *, enrolled_speech_s: float, probe_speech_s: float
    ) -> Decision:
        """Return the decision on a probe with too little speech for a score."""
        threshold = self.threshold(
            enrolled_speech_s=enrolled_speech_s, probe_speech_s=probe_speech_s
        )
        return Decision.without_answer(
            verdict,
            threshold=threshold,
            speech_s=probe_speech_s,
            reason=reason,
            promise=self.promise,
        )


def _poor_speech(dbfs: float | None, clipped_share: float | None) -> str:
    """Describe why speech is too poor to reject, and what to do; empty if it is not."""
    if dbfs is not None and dbfs < QUIET_DBFS:
        return (
            f"speech at {dbfs:.0f} dBFS is too quiet to reject, expected {QUIET_DBFS:g} or more; "
            "come closer or raise the input level"
        )
    if clipped_share is not None and clipped_share > OVERDRIVEN_SHARE:
        return (
            f"speech with {clipped_share:.0%} of its samples at full scale is too clipped to "
            f"reject, expected {OVERDRIVEN_SHARE:.0%} or less; lower the input level"
        )
    return ""


def _advice(point: OperatingPoint, calibration: Calibration) -> str:
    """Describe how much speech on both sides would support a rejection, if any does."""
    if not point.frr_slope < 0:
        return ""
    odds = math.log(_SUPPORTED_FRR / (1 - _SUPPORTED_FRR))
    log_needed = (odds - point.frr_logit) / point.frr_slope
    if log_needed > math.log(calibration.maximum_speech_s):
        return ""
    return f"; {math.ceil(10 * math.exp(log_needed)) / 10:.1f} s on both sides is enough"


def speech_shortage(
    speech_s: float, duration_s: float, calibration: Calibration | None
) -> tuple[Verdict, str] | None:
    """Return why a recording has too little speech for a decision; None if it has enough.

    Args:
        speech_s: seconds of speech in the recording.
        duration_s: seconds of audio in the recording.
        calibration: calibration of the model; None requires only that there is some speech.
    """
    if speech_s < SHORTEST_SPEECH_S:
        return Verdict.NO_SPEECH, f"no speech found in {duration_s:.1f} s of audio"
    if calibration is None or speech_s >= calibration.minimum_speech_s:
        return None
    return Verdict.INCONCLUSIVE, (
        f"{speech_s:.2f} s of speech is too little for a decision, at least "
        f"{calibration.minimum_speech_s:g} s is needed"
    )
