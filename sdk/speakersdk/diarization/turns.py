"""Who speaks when: turns, speakers, and their documents."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from speakersdk.decision.outcome import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Speech of one speaker. Turns do not overlap, and contain no pause of 0.5 s or more.

    Attributes:
        who: name of an enrolled speaker, "unknown-1" and so on for others; None if the turn is
            uncertain.
        from_s, to_s: start and end in seconds, accurate to one hop.
        speech_s: net speech in seconds.
        llr: natural log-likelihood ratio of the turn's own speech and the voiceprint of an
            enrolled speaker, or the other turns of an unknown one. None if it is the only
            turn of an unknown speaker, or has too little speech.
        reason: why the turn is uncertain; None if it is not.
    """

    who: str | None
    from_s: float
    to_s: float
    speech_s: float
    llr: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiarizedSpeaker:
    """A speaker who has at least one turn.

    Attributes:
        who: name of the speaker, as in `Turn`.
        speech_s: net speech of the speaker's turns in seconds.
        turns: number of these turns.
        decision: decision on all this speech and the most likely voiceprint; None without
            voiceprints.
    """

    who: str
    speech_s: float
    turns: int
    decision: Decision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diarization:
    """The turns of a recording.

    Attributes:
        turns: the turns in order of time.
        speakers: the speakers in order of their first turn.
        duration_s: duration of the recording in seconds.
    """

    turns: tuple[Turn, ...]
    speakers: tuple[DiarizedSpeaker, ...]
    duration_s: float

    def to_json(self) -> dict[str, Any]:
        """Return all fields as values for JSON."""
        return {
            "duration_s": self.duration_s,
            "speakers": [asdict(speaker) for speaker in self.speakers],
            "turns": [asdict(turn) for turn in self.turns],
        }
