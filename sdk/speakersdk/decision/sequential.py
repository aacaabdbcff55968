"""A sequential test between "the enrolled speaker" and "another speaker".

The first bound that the llr of the speech so far passes decides. The bounds are
    accept at  threshold(far, speech) + ln 3,    reject at  ln(miss_rate / (1 - far))
The threshold is that of one look at so much speech (`DecisionRule.threshold`). A test
at every hop sees a stranger's highest llr, not a typical one: bounds of one look accepted 1.1 to
2.2 times `far` of the strangers. Looks at the same voice are alike; all of a turn together are
worth three. Source: measured, docs/streaming.md; for independent evidence see A. Wald, "Sequential
tests of statistical hypotheses", 1945, whose bound for rejecting is taken as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from speakersdk.decision.outcome import Verdict
from speakersdk.errors import ConfigError

# What is added to the threshold of one look. Chosen on one half of the development speakers: with
# it, 0.6 to 1.0 of the asked-for share of strangers are accepted, at rates from 0.1 % to 5 %.
LOOKS_LLR: Final = math.log(3)
# Half of the way back from a bound is not yet a change of mind.
_RELEASE_SHARE: Final = 0.5
# Hops of speech in a row by which the window must contradict a decision to undo it.
_PATIENCE_HOPS: Final = 5


class Evidence(NamedTuple):
    """Evidence of some speech for or against a speaker.

    Attributes:
        llr: natural log of the likelihood ratio.
        accept_llr: accept when it reaches this; less for more speech.
    """

    llr: float
    accept_llr: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialBounds:
    """The requested error rates and limit of a sequential test.

    Attributes:
        far: share of strangers that may be accepted.
        miss_rate: share of the enrolled speaker's turns that may be rejected. Speakers are more
            alike than calibration trials make them seem at times; a wrong rejection is undone by
            more speech, so this one is asked for less strictly.
        limit_s: net speech without a decision after which the answer is INCONCLUSIVE.
    """

    far: float = 0.01
    miss_rate: float = 0.05
    limit_s: float = 10.0

    def __post_init__(self) -> None:
        if not (0 < self.far < 0.5 and 0 < self.miss_rate < 0.5 and self.limit_s > 0):
            raise ConfigError(
                "expected error rates between 0 and 0.5 and a limit above 0 s, got "
                f"{self.far:g}, {self.miss_rate:g} and {self.limit_s:g} s"
            )

    @property
    def reject_llr(self) -> float:
        """The llr at or below which the test rejects."""
        return math.log(self.miss_rate / (1 - self.far))


class SequentialTest:
    """The test of one enrolled speaker on one stream.

    Attributes:
        verdict: NO_SPEECH before any, INCONCLUSIVE until a bound is passed and again when none was
            passed within the limit, else the decision. A decision is kept until the window says the
            contrary for half a second, however much the evidence wavers.
        decided_s: net speech that the decision took; None if there is none.
    """

    def __init__(self, bounds: SequentialBounds) -> None:
        self._bounds = bounds
        self.restart()
        self.verdict = Verdict.NO_SPEECH

    @property
    def is_decided(self) -> bool:
        """Whether the verdict is final: a bound or the limit was passed."""
        return self._is_decided

    def restart(self) -> None:
        """Restart the test, because the next speech may be another speaker's."""
        self.verdict = Verdict.INCONCLUSIVE
        self.decided_s: float | None = None
        self._is_decided = False
        self._num_contrary = 0

    def silence(self) -> None:
        """Restart the test in silence."""
        self.restart()
        self.verdict = Verdict.NO_SPEECH

    def update(
        self, evidence: Evidence | None, window: Evidence | None, *, speech_s: float
    ) -> Verdict:
        """Take the evidence of one more hop of speech.

        Args:
            evidence: of the speech so far; None while it is too little for any.
            window: of the window; likewise.
            speech_s: net speech so far.
        """
        if self.verdict is Verdict.NO_SPEECH:
            self.verdict = Verdict.INCONCLUSIVE
        if evidence is None:
            return self.verdict
        if window is not None and self._is_contradicted(window):
            self.restart()
            evidence = window
        if self.verdict is Verdict.INCONCLUSIVE:
            self._decide(evidence, speech_s)
        return self.verdict

    def _decide(self, evidence: Evidence, speech_s: float) -> None:
        if evidence.llr >= evidence.accept_llr:
            self.verdict = Verdict.ACCEPT
        elif evidence.llr <= self._bounds.reject_llr:
            self.verdict = Verdict.REJECT
        elif speech_s < self._bounds.limit_s:
            return
        if not self._is_decided or self.verdict is not Verdict.INCONCLUSIVE:
            self.decided_s = speech_s
        self._is_decided = True

    def _is_contradicted(self, window: Evidence) -> bool:
        """Whether the window has now spoken against the decision for long enough."""
        if self.verdict is Verdict.ACCEPT:
            # Never while the window itself would be accepted: bounds of loose requests are low.
            is_contrary = window.llr <= _RELEASE_SHARE * self._bounds.reject_llr
            is_contrary = is_contrary and window.llr < window.accept_llr
        elif self.verdict is Verdict.REJECT:
            is_contrary = window.llr >= _RELEASE_SHARE * window.accept_llr
        else:
            return False
        self._num_contrary = self._num_contrary + 1 if is_contrary else 0
        return self._num_contrary >= _PATIENCE_HOPS
