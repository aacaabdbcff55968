"""Turns as documents that other programs read: RTTM and SubRip subtitles."""

from __future__ import annotations

from typing import Final

from speakersdk.diarization.turns import Diarization
from speakersdk.text import is_visible, utf8_bytes

# Name for the speaker of uncertain turns; no speaker's name has parentheses.
UNCERTAIN: Final = "(uncertain)"
# Characters that fields of RTTM cannot have, and the one that begins their codes.
_CODED: Final = " %"


def rttm(diarization: Diarization, recording: str) -> str:
    """Write one line per turn in NIST's Rich Transcription Time Marked format.

    White space separates fields. In names it becomes its percent code (``Ann%20Lee``), as in URLs,
    because an underscore would make one name of ``ann b`` and ``ann_b``. Uncertain turns are left
    out, because scoring tools would count them as another speaker.
    Source: NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan", 2009,
    appendix A.

    Args:
        diarization: the turns.
        recording: name of the recording, the second field.
    """
    return "".join(
        f"SPEAKER {_field(recording)} 1 {turn.from_s:.3f} {turn.to_s - turn.from_s:.3f} "
        f"<NA> <NA> {_field(turn.who)} <NA> <NA>\n"
        for turn in diarization.turns
        if turn.who is not None
    )


def srt(diarization: Diarization) -> str:
    """Write the names of the speakers as subtitles, including uncertain turns."""
    return "\n".join(
        f"{number}\n{_clock(turn.from_s)} --> {_clock(turn.to_s)}\n{turn.who or UNCERTAIN}\n"
        for number, turn in enumerate(diarization.turns, start=1)
    )


def _field(text: str) -> str:
    return "".join(
        character
        if is_visible(character) and character not in _CODED
        else "".join(f"%{byte:02X}" for byte in utf8_bytes(character))
        for character in text
    )


def _clock(time_s: float) -> str:
    """Format a time as hours, minutes, seconds and milliseconds: 00:01:02,500."""
    seconds, milliseconds = divmod(round(time_s * 1000), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02},{milliseconds:03}"
