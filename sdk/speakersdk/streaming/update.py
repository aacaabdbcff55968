"""Updates of a live stream."""

from __future__ import annotations

from dataclasses import dataclass

from speakersdk.audio.microphone import CaptureCounters
from speakersdk.decision.outcome import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """The evidence and the verdict for one enrolled speaker.

    Attributes:
        name: name of the speaker.
        score, llr: -J in nats and natural log-likelihood ratio of the last window; None if there is
            too little speech.
        total_score, total_llr: the same for the speech since the last pause or change of speaker.
        verdict: verdict of the sequential test on that speech.
        is_decided: False while an INCONCLUSIVE verdict may still change.
        decided_s: net speech in seconds until the decision; None before it.
    """

    name: str
    score: float | None
    llr: float | None
    total_score: float | None
    total_llr: float | None
    verdict: Verdict
    is_decided: bool
    decided_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamUpdate:
    """The update of one hop. Scores, LLRs and verdict are those of the best candidate.

    Attributes:
        time_s: end of the hop in seconds since the start of the stream, including lost audio.
        speech: highest speech probability of the frames in the hop.
        speech_s: net speech in seconds since the last pause or change of speaker.
        window_speech_s: net speech in seconds in the last window.
        score, llr, total_score, total_llr: see `Candidate`.
        verdict: NO_SPEECH, INCONCLUSIVE, or the decision on the best candidate.
        speaker: name of the accepted candidate with the highest evidence; None if none is accepted.
        margin: total LLR of the best candidate minus that of the second; None for one candidate.
        age_s: seconds since the last hop with speech, to which the scores belong.
        has_changed: whether the speaker has changed; the evidence restarts with the recent speech.
        lost_s: seconds of audio lost before this hop (0 if unknown), which reset the evidence; None
            if no audio was lost.
        candidates: the enrolled speakers in the given order.
        capture: counters of the microphone; None for other sources.
    """

    time_s: float
    speech: float
    speech_s: float
    window_speech_s: float
    score: float | None
    llr: float | None
    total_score: float | None
    total_llr: float | None
    verdict: Verdict
    speaker: str | None
    margin: float | None
    age_s: float
    has_changed: bool
    candidates: tuple[Candidate, ...]
    lost_s: float | None = None
    capture: CaptureCounters | None = None
