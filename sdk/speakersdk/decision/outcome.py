"""The outcome of a verification: one of four verdicts, with its evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

# A promise is kept if at most this many times the requested rate was accepted elsewhere.
MOST_TIMES: Final = 3.0


class Verdict(StrEnum):
    """Four verdicts: ACCEPT and REJECT are answers, and the other two say why there is none."""

    ACCEPT = "accept"
    REJECT = "reject"
    INCONCLUSIVE = "inconclusive"  # too little or too poor speech for the requested error rate
    NO_SPEECH = "no_speech"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """The false-accept rate of a decision, and the measurements that support it.

    Attributes:
        far: the requested rate.
        elsewhere: lowest and highest rate on corpora and conditions that were left out of the fit;
            90 % lie between. (0, 1) means not measured.
        measured_on: corpora and conditions of the fit.
    """

    far: float
    elsewhere: tuple[float, float]
    measured_on: tuple[str, ...]

    @property
    def is_kept(self) -> bool | None:
        """Whether at most three times the rate was accepted elsewhere; None means not measured."""
        return self.elsewhere[1] <= MOST_TIMES * self.far if self.measured_on else None

    def __str__(self) -> str:
        if not self.measured_on:
            return f"requested rate {self.far:.2%}; not measured on other corpora"
        low, high = self.elsewhere
        broken = "; not kept there: calibrate on your own recordings, or ask for a higher rate"
        return (
            f"requested rate {self.far:.2%}; {low:.2%} to {high:.2%} on 90 % of "
            f"corpora and conditions that were left out ({', '.join(self.measured_on)})"
            f"{'' if self.is_kept else broken}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer to "is this the enrolled speaker?". True in an `if` only when accepted.

    Attributes:
        verdict: the answer.
        score: -J, the negated symmetric KL divergence in nats: at most 0, and higher for more
            similar voices. It depends on the model; None if there was too little speech to compare.
        llr: natural log of the likelihood ratio, same speaker versus different speakers; None as
            above.
        probability: probability of the same speaker, with the prior of the verifier or 0.5.
        threshold: the minimum `llr` for ACCEPT.
        speech_s: net speech in the probe in seconds.
        reason: one sentence for people.
        one_voice_llr: LLR of the two most different parts of the recording being one voice; None
            if there was too little speech to compare parts.
        voice_changed: whether that LLR is so low that two people speak; such a recording is not
            accepted.
        promise: the rate for which the threshold was set; None if costs set it.
    """

    verdict: Verdict
    score: float | None
    llr: float | None
    probability: float | None
    threshold: float
    speech_s: float
    reason: str
    one_voice_llr: float | None = None
    voice_changed: bool = False
    promise: Promise | None = None

    @classmethod
    def from_evidence(
        cls,
        *,
        score: float,
        llr: float,
        threshold: float,
        speech_s: float,
        prior: float = 0.5,
        caution: str | None = None,
        promise: Promise | None = None,
    ) -> Decision:
        """Accept or reject by comparing the log-likelihood ratio with the threshold.

        Args:
            score, llr, threshold, speech_s, promise: as for the attributes.
            prior: prior probability of the same speaker.
            caution: why the threshold is stricter than usual; None if it is not.
        """
        is_accepted = llr >= threshold
        relation = "reaches" if is_accepted else "is below"
        stricter = f" (the stricter one for {caution})" if caution else ""
        return cls(
            verdict=Verdict.ACCEPT if is_accepted else Verdict.REJECT,
            score=score,
            llr=llr,
            probability=_sigmoid(llr + math.log(prior) - math.log1p(-prior)),
            threshold=threshold,
            speech_s=speech_s,
            reason=f"llr {llr:+.2f} {relation} the threshold {threshold:+.2f}{stricter}",
            promise=promise,
        )

    @classmethod
    def without_answer(
        cls,
        verdict: Verdict,
        *,
        threshold: float,
        speech_s: float,
        reason: str,
        promise: Promise | None = None,
    ) -> Decision:
        """Make a decision without scores, with the reason."""
        return cls(
            verdict=verdict,
            score=None,
            llr=None,
            probability=None,
            threshold=threshold,
            speech_s=speech_s,
            reason=reason,
            promise=promise,
        )

    def inconclusive(self, reason: str) -> Decision:
        """Return the same evidence without an answer, for this reason."""
        return replace(self, verdict=Verdict.INCONCLUSIVE, reason=reason)

    def compared_within(self, one_voice_llr: float | None, *, bound: float) -> Decision:
        """Return the decision, given the difference between parts of the recording.

        With two voices, ACCEPT becomes INCONCLUSIVE: the speech of one person must not be accepted
        for the other.

        Args:
            one_voice_llr: see the attributes.
            bound: at this or less there are two voices.
        """
        if one_voice_llr is None:
            return self
        if one_voice_llr > bound:
            return replace(self, one_voice_llr=one_voice_llr)
        verdict = Verdict.INCONCLUSIVE if self.accepted else self.verdict
        reason = (
            f"{self.reason}; the voice changes within the recording (llr {one_voice_llr:+.1f} "
            f"between two parts of it, expected above {bound:g}): try with only one person"
        )
        return replace(
            self, verdict=verdict, reason=reason, one_voice_llr=one_voice_llr, voice_changed=True
        )

    def repeated(self, what: str) -> Decision:
        """Return the decision about a repeated recording: ACCEPT becomes INCONCLUSIVE.

        The voice is the speaker's, but nothing shows that the speaker is present.

        Args:
            what: the known recording, such as "an enrolled one".
        """
        if not self.accepted:
            return self
        return self.inconclusive(
            f"{self.reason}; repeats a known recording ({what}): say something else"
        )

    @property
    def accepted(self) -> bool:
        """Whether the verdict is ACCEPT."""
        return self.verdict is Verdict.ACCEPT

    def __bool__(self) -> bool:
        return self.accepted

    def __str__(self) -> str:
        evidence = "" if self.score is None else f"; score {self.score:.4g} (-symmetric KL, nats)"
        return f"{self.verdict.upper()}: {self.reason}{evidence}; {self.speech_s:.1f} s of speech"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """The answer to "which of these speakers is it, if any?". True in an `if` only with a speaker.

    Attributes:
        decision: that of the best candidate.
        speaker: name of the best candidate if accepted, None for an unknown speaker or no answer.
        margin: LLR of the best candidate minus that of the runner-up; None if there is no runner-up
            or no answer. Small margins mean that two candidates fit about equally well.
        ranking: (name, decision) of every candidate, best first; empty without an answer.
    """

    decision: Decision
    speaker: str | None
    margin: float | None
    ranking: tuple[tuple[str, Decision], ...]

    @classmethod
    def without_answer(cls, decision: Decision) -> Identification:
        """Make an identification without candidates, for the reason that the decision gives."""
        return cls(decision=decision, speaker=None, margin=None, ranking=())

    @classmethod
    def from_candidates(cls, candidates: Sequence[tuple[str, Decision]]) -> Identification:
        """Rank the decisions about each candidate by their LLR; every decision must have one."""
        ranking = sorted(candidates, key=lambda named: _llr(named[1]), reverse=True)
        name, best = ranking[0]
        return cls(
            decision=best,
            speaker=name if best.accepted else None,
            margin=_llr(best) - _llr(ranking[1][1]) if len(ranking) > 1 else None,
            ranking=tuple(ranking),
        )

    def __bool__(self) -> bool:
        return self.speaker is not None

    def __str__(self) -> str:
        if not self.ranking:
            return str(self.decision)
        # The evidence is that of the nearest candidate, also for an unknown speaker.
        nearest = "" if self.speaker is not None else f"; nearest {self.ranking[0][0]}"
        margin = "" if self.margin is None else f"; margin {self.margin:.2f}"
        return f"{self.speaker or 'unknown'}: {self.decision}{nearest}{margin}"


def _llr(decision: Decision) -> float:
    if decision.llr is None:
        raise ValueError(f"expected a decision with an llr, got {decision}")
    return decision.llr


def _sigmoid(llr: float) -> float:
    """Return 1 / (1 + exp(-llr)) without overflow."""
    if llr >= 0:
        return 1 / (1 + math.exp(-llr))
    return math.exp(llr) / (1 + math.exp(llr))
