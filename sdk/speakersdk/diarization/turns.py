"""Who speaks when: turns, speakers, and their documents."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from speakersdk.decision.outcome import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Speech of one speaker. Turns do not overlap, and no turn has a pause of 0.5 s.

    Attributes:
        who: name of an enrolled speaker, "unknown-1" and so on for others; None if it is uncertain.
        from_s, to_s: start and end in seconds, to a hop.
        speech_s: net speech in seconds.
        llr: natural log-likelihood ratio of the turn's own speech: against the voiceprint of an
            enrolled speaker, or against the other turns of an unknown one. None if it is the only
            turn of an unknown speaker, or has too little speech.
        reason: why it is uncertain; None if it is not.
    """

    who: str | None
    from_s: float
    to_s: float
    speech_s: float
    llr: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiarizedSpeaker:
    """A speaker who was heard.

    Attributes:
        who: as in `Turn`.
        speech_s: net speech of the speaker's turns in seconds.
        turns: number of these turns.
        decision: of all this speech about the likeliest voiceprint; None without voiceprints.
    """

    who: str
    speech_s: float
    turns: int
    decision: Decision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diarization:
    """The turns of a recording.

    Attributes:
        turns: in order of time.
        speakers: those who have a turn, by their first one.
        duration_s: duration of the recording in seconds.
    """

    turns: tuple[Turn, ...]
    speakers: tuple[DiarizedSpeaker, ...]
    duration_s: float

    def to_json(self) -> dict[str, Any]:
        """Everything, as values for JSON."""
        return {
            "duration_s": self.duration_s,
            "speakers": [asdict(speaker) for speaker in self.speakers],
            "turns": [asdict(turn) for turn in self.turns],
        }
