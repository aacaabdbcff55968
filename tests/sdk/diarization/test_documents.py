"""RTTM and subtitles."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from speakersdk.diarization.documents import rttm, srt
from speakersdk.diarization.turns import Diarization, Turn
from speakersdk.errors import ConfigError
from speakersdk.voiceprint.names import check_name


def turn(who: str | None, from_s: float, to_s: float) -> Turn:
    return Turn(who=who, from_s=from_s, to_s=to_s, speech_s=to_s - from_s, llr=None)


DIARIZATION = Diarization(
    turns=(turn("Ann Lee", 0.5, 2.0), turn(None, 2.5, 2.9), turn("unknown-1", 3661.2, 3662.25)),
    speakers=(),
    duration_s=4000.0,
)


def test_rttm_has_ten_fields_and_no_uncertain_turn() -> None:
    assert rttm(DIARIZATION, "a meeting") == (
        "SPEAKER a%20meeting 1 0.500 1.500 <NA> <NA> Ann%20Lee <NA> <NA>\n"
        "SPEAKER a%20meeting 1 3661.200 1.050 <NA> <NA> unknown-1 <NA> <NA>\n"
    )


def test_subtitles_are_numbered_and_show_uncertain_turns() -> None:
    assert srt(DIARIZATION) == (
        "1\n00:00:00,500 --> 00:00:02,000\nAnn Lee\n\n"
        "2\n00:00:02,500 --> 00:00:02,900\n(uncertain)\n\n"
        "3\n01:01:01,200 --> 01:01:02,250\nunknown-1\n"
    )


def test_without_turns_both_are_empty() -> None:
    empty = Diarization(turns=(), speakers=(), duration_s=1.0)
    assert rttm(empty, "x") == srt(empty) == ""


def test_different_names_stay_different() -> None:
    """`ann b` and `ann_b` were both written as ann_b, and counted as one speaker."""
    names = ("ann b", "ann_b", "ann%20b", "ann\u00a0b", "ann\tb", "Zoë", "uncertain", "\udcff")
    turns = tuple(turn(name, place, place + 0.5) for place, name in enumerate(names))
    lines = rttm(Diarization(turns=turns, speakers=(), duration_s=9.0), "x").splitlines()
    assert all(len(line.split()) == 10 for line in lines)
    written = [line.split()[7] for line in lines]
    assert tuple(unquote(field, errors="surrogateescape") for field in written) == names
    assert written[1] == "ann_b"  # as in the references of a corpus, whose names have no spaces


def test_no_speaker_has_the_name_of_uncertain_turns() -> None:
    both = (turn("uncertain", 0, 1), turn(None, 1, 2))
    names = srt(Diarization(turns=both, speakers=(), duration_s=2.0)).splitlines()[2::4]
    assert names == ["uncertain", "(uncertain)"]
    with pytest.raises(ConfigError, match="a name of letters"):
        check_name("(uncertain)")
