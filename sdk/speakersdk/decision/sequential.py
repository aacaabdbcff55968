"""A sequential test between "the enrolled speaker" and "another speaker".

The first bound that the LLR of the speech so far crosses decides. The bounds are
    accept at  threshold(far, speech) + ln 3,    reject at  ln(miss_rate / (1 - far))
The threshold is that of a single test with the same speech (`DecisionRule.threshold`). A test at
every hop depends on a stranger's highest LLR and not on a typical one: with the bounds of a single
test, 1.1 to 2.2 times `far` of the strangers were accepted. Tests of the same voice are correlated;
all tests in a turn together correspond to three. Source: measured, docs/streaming.md; for
independent evidence see A. Wald, "Sequential tests of statistical hypotheses", 1945, whose bound
for rejections is used unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from speakersdk.decision.outcome import Verdict
from speakersdk.errors import ConfigError

# Added to the threshold of a single test. Chosen on one half of the development speakers: with it,
# 0.6 to 1.0 of the requested share of strangers are accepted, at rates from 0.1 % to 5 %.
LOOKS_LLR: Final = math.log(3)
# An LLR up to halfway back from a bound does not contradict the decision.
_RELEASE_SHARE: Final = 0.5
# Consecutive hops of speech in which the window must contradict a decision to undo it.
_PATIENCE_HOPS: Final = 5


class Evidence(NamedTuple):
    """Evidence of some speech for or against a speaker.

    Attributes:
        llr: natural log of the likelihood ratio.
        threshold: computes `accept_llr`. That is slow, and a settled test does not need it.
    """

    llr: float
    threshold: Callable[[], float]

    @property
    def accept_llr(self) -> float:
        """The LLR to accept at, lower for more speech."""
        return self.threshold()


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialBounds:
    """The requested error rates and limit of a sequential test.

    Attributes:
        far: share of strangers that may be accepted.
        miss_rate: share of the enrolled speaker's turns that may be rejected. At times, speakers
            are more similar than the calibration trials suggest; more speech undoes a wrong
            rejection, and this rate is therefore less strict.
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
        """The LLR at or below which the test rejects."""
        return math.log(self.miss_rate / (1 - self.far))


class SequentialTest:
    """The test of one enrolled speaker on one stream.

    Attributes:
        verdict: NO_SPEECH before any speech, INCONCLUSIVE until a bound or the limit is passed, and
            then the decision, or INCONCLUSIVE at the limit. A decision is kept until the window
            contradicts it for half a second, however much the evidence varies.
        decided_s: net speech in seconds until the decision; None if there is none.
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
        """Restart the test, because someone else may speak next."""
        self.verdict = Verdict.INCONCLUSIVE
        self.decided_s: float | None = None
        self._is_decided = False
        self._num_contrary = 0

    def silence(self) -> None:
        """Restart the test during silence."""
        self.restart()
        self.verdict = Verdict.NO_SPEECH

    def update(
        self, evidence: Evidence | None, window: Evidence | None, *, speech_s: float
    ) -> Verdict:
        """Take the evidence of one more hop of speech.

        Args:
            evidence: evidence of the speech so far; None if it is too little.
            window: evidence of the window; None if it has too little speech.
            speech_s: net speech so far in seconds.
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
        """Return whether the window has contradicted the decision for long enough."""
        if self.verdict is Verdict.ACCEPT:
            # Never if the window would be accepted, because the bounds of loose requests are low.
            is_contrary = window.llr <= _RELEASE_SHARE * self._bounds.reject_llr
            is_contrary = is_contrary and window.llr < window.accept_llr
        elif self.verdict is Verdict.REJECT:
            is_contrary = window.llr >= _RELEASE_SHARE * window.accept_llr
        else:
            return False
        self._num_contrary = self._num_contrary + 1 if is_contrary else 0
        return self._num_contrary >= _PATIENCE_HOPS
