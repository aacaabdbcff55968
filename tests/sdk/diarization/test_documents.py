"""RTTM and subtitles."""

from __future__ import annotations

from speakersdk.diarization.documents import rttm, srt
from speakersdk.diarization.turns import Diarization, Turn


def turn(who: str | None, from_s: float, to_s: float) -> Turn:
    return Turn(who=who, from_s=from_s, to_s=to_s, speech_s=to_s - from_s, llr=None)


DIARIZATION = Diarization(
    turns=(turn("Ann Lee", 0.5, 2.0), turn(None, 2.5, 2.9), turn("unknown-1", 3661.2, 3662.25)),
    speakers=(),
    duration_s=4000.0,
)


def test_rttm_has_ten_fields_and_no_uncertain_turn() -> None:
    assert rttm(DIARIZATION, "a meeting") == (
        "SPEAKER a_meeting 1 0.500 1.500 <NA> <NA> Ann_Lee <NA> <NA>\n"
        "SPEAKER a_meeting 1 3661.200 1.050 <NA> <NA> unknown-1 <NA> <NA>\n"
    )


def test_subtitles_are_numbered_and_show_uncertain_turns() -> None:
    assert srt(DIARIZATION) == (
        "1\n00:00:00,500 --> 00:00:02,000\nAnn Lee\n\n"
        "2\n00:00:02,500 --> 00:00:02,900\nuncertain\n\n"
        "3\n01:01:01,200 --> 01:01:02,250\nunknown-1\n"
    )


def test_without_turns_both_are_empty() -> None:
    empty = Diarization(turns=(), speakers=(), duration_s=1.0)
    assert rttm(empty, "x") == srt(empty) == ""
