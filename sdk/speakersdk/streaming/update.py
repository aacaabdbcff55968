"""What a live stream says at each hop."""

from __future__ import annotations

from dataclasses import dataclass

from speakersdk.audio.microphone import CaptureCounters
from speakersdk.decision.outcome import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """How one enrolled speaker stands.

    Attributes:
        name: of the voiceprint.
        score, llr: of the last window: -J in nats, and the natural log of the likelihood ratio;
            None while there is too little speech.
        total_score, total_llr: of the speech so far, since the last pause or change of speaker.
        verdict: of the sequential test on the speech so far.
        is_decided: False while an INCONCLUSIVE verdict may still become an answer.
        decided_s: net speech that the decision took; None before.
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
    """One hop of a stream. Scores, llrs and verdict are those of the best candidate.

    Attributes:
        time_s: end of the hop, in seconds since the stream began; lost audio counts.
        speech: highest speech probability of the hop's frames.
        speech_s: net speech since the last pause or change of speaker: what the totals rest on.
        window_speech_s: net speech in the last window.
        score, llr, total_score, total_llr: see `Candidate`.
        verdict: NO_SPEECH, INCONCLUSIVE, or the decision on the best candidate.
        speaker: name of the accepted candidate with the highest evidence, if any.
        margin: total llr of the best candidate less that of the runner-up; None without one.
        age_s: seconds since the hop that the scores are of: 0 while there is speech.
        has_changed: the voice changed; evidence begins anew with the recent speech.
        lost_s: seconds of audio that were lost directly in front of the hop (0 where nobody knows
            how many), after which everything began anew; None where nothing was lost.
        candidates: every enrolled speaker, in the order given.
        capture: what happened at the microphone; None for audio from elsewhere.
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
