"""The bound of a second voice is fitted on single speakers, and is the same in all sources."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness.measure import RESULTS
from benchmarks.voices.second_voice import (
    ONE_VOICE,
    SOURCES,
    TWO_VOICES,
    Answer,
    fitted,
    in_turns,
    write_bound,
)
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.decision.one_voice import SECOND_VOICE_LLR


def test_the_bound_is_the_newest_result() -> None:
    newest = sorted(RESULTS.glob("????-??-??-second-voice.json"))[-1]
    bound = json.loads(newest.read_text(encoding="utf-8"))["facts"]["bound"]
    # If this fails, run python -m benchmarks.voices.second_voice --fit
    assert bound == SECOND_VOICE_LLR


@pytest.mark.parametrize("bound", [-12.5, 0.5])
def test_a_bound_is_written_into_every_source(tmp_path: Path, bound: float) -> None:
    for source in SOURCES:
        text = source.read_text(encoding="utf-8")
        assert f"= {SECOND_VOICE_LLR:.1f}" in text
        copy = tmp_path / source.name
        shutil.copy(source, copy)
        write_bound(copy, bound)
        assert copy.read_text(encoding="utf-8") == text.replace(
            f"= {SECOND_VOICE_LLR:.1f}", f"= {bound:.1f}", 1
        )
        write_bound(copy, SECOND_VOICE_LLR)
        assert copy.read_text(encoding="utf-8") == text


def test_the_lowest_speaker_and_recordings_of_two_do_not_count() -> None:
    """The bound leaves out one speaker in 50, whose recordings may be of two people.

    Of the recordings of the others, 0.5 % are below it.
    """
    rows = [
        Answer(f"corpus/{speaker}", ONE_VOICE, "4 s", llr, fits=True)
        for speaker in range(1, 50)
        for llr in np.linspace(0, 10, 201)
    ]
    rows += [Answer("corpus/two", ONE_VOICE, "4 s", -50.0, fits=True)] * 201
    rows += [Answer("corpus/1", TWO_VOICES, "4 s", -50.0, fits=True)] * 1000
    rows += [Answer("corpus/1", ONE_VOICE, "4 s", None, fits=False)]
    assert fitted(rows) == pytest.approx(0.0, abs=0.11)


def test_each_voice_continues_where_it_stopped() -> None:
    pair = np.arange(4, dtype=np.float32), 10 + np.arange(4, dtype=np.float32)
    seconds = tuple(np.repeat(voice, SAMPLE_RATE_HZ) for voice in pair)
    mixed = in_turns((seconds[0], seconds[1]), (2, 1, 1, 2))
    assert mixed[::SAMPLE_RATE_HZ].tolist() == [0, 1, 10, 2, 11, 12]
