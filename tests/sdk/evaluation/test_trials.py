"""Trial and segment lists: what they say, and what is said of a list that is broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakersdk.errors import ConfigError
from speakersdk.evaluation.trials import (
    Piece,
    Segment,
    Trial,
    read_segments,
    read_trials,
    share_audio,
    used_segments,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "list.txt"


def test_trials(path: Path) -> None:
    path.write_text("1 id1/a/1.wav id1/b/2.wav\n0\tid1/a/1.wav  id2/ä.wav \n", encoding="utf-8")
    assert read_trials(path) == [
        Trial(True, "id1/a/1.wav", "id1/b/2.wav"),
        Trial(False, "id1/a/1.wav", "id2/ä.wav"),
    ]


def test_an_empty_list_has_no_trials(path: Path) -> None:
    path.write_text("")
    assert read_trials(path) == []


@pytest.mark.parametrize("line", ["2 a b", "true a b", "1 a", "1 a b c", "a b 1", "", "01 a b"])
def test_a_bad_trial_is_named_with_its_line(path: Path, line: str) -> None:
    path.write_text(f"1 a b\n{line}\n0 a c\n")
    with pytest.raises(ConfigError, match=r"list\.txt:2: expected '0\|1 enroll probe', got"):
        read_trials(path)


def test_segments(path: Path) -> None:
    rows = [
        {"segment": "s1", "speaker": "c/1", "pieces": [["a.opus", 10, 20], ["b.opus", 0, 5]]},
        {"segment": "s2", "speaker": "c/2", "pieces": [["a.opus", 30, 20]]},
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    assert read_segments(path) == {
        "s1": Segment("s1", "c/1", (Piece("a.opus", 10, 20), Piece("b.opus", 0, 5))),
        "s2": Segment("s2", "c/2", (Piece("a.opus", 30, 20),)),
    }


@pytest.mark.parametrize(
    "line",
    [
        "s1 c/1 a.opus",
        '["s1"]',
        '{"segment": "s1", "speaker": "c/1"}',
        '{"segment": "s1", "speaker": "c/1", "pieces": [["a.opus", 10]]}',
        '{"segment": "s1", "speaker": "c/1", "pieces": 3}',
        "",
    ],
)
def test_a_bad_segment_is_named_with_its_line(path: Path, line: str) -> None:
    path.write_text('{"segment": "s0", "speaker": "c/1", "pieces": []}\n' + line + "\n")
    with pytest.raises(ConfigError, match=r"list\.txt:2: expected a JSON object with segment"):
        read_segments(path)


@pytest.mark.parametrize("read", [read_trials, read_segments])
def test_a_missing_list(path: Path, read: Any) -> None:
    with pytest.raises(ConfigError, match=r"expected a list at .*list\.txt, found none"):
        read(path)


@given(st.lists(st.tuples(st.booleans(), *[st.sampled_from("abcde")] * 2)))
def test_used_segments_are_each_named_once_in_order_of_use(
    rows: list[tuple[bool, str, str]],
) -> None:
    segments = {name: Segment(name, "c/1", ()) for name in "edcba"}
    used = [segment.name for segment in used_segments([Trial(*row) for row in rows], segments)]
    flat = [name for _, *names in rows for name in names]
    assert sorted(used) == sorted(set(flat))
    assert used == sorted(used, key=flat.index)


def test_trials_without_their_segments() -> None:
    segments = {"a": Segment("a", "c/1", ())}
    trials = [Trial(True, "a", "x"), Trial(False, "y", "x")]
    with pytest.raises(ConfigError, match="2 trial names are not in the segment list, first 'x'"):
        used_segments(trials, segments)


@pytest.mark.speech
@pytest.mark.parametrize("corpus", ["speechocean762", "speech-commands"])
def test_development_trials_tell_the_truth(speech_data: Any, corpus: str) -> None:
    """Labels follow from the segments' speakers, and no trial compares a segment with itself."""
    folder = speech_data.root / "trials"
    trials = read_trials(folder / f"{corpus}-dev-3.0s.txt")
    segments = read_segments(folder / "segments-3.0s.jsonl")
    assert sum(not trial.is_target for trial in trials) == 40_000
    for trial in trials:
        enroll, probe = segments[trial.enroll], segments[trial.probe]
        assert trial.is_target == (enroll.speaker == probe.speaker)
        assert trial.enroll != trial.probe


@pytest.mark.parametrize(
    ("path", "start", "num_samples", "expected"),
    [
        ("a", 0, 100, False),
        ("a", 0, 101, True),
        ("a", 150, 10, True),
        ("a", 199, 50, True),
        ("a", 200, 50, False),
        ("b", 100, 100, False),
    ],
)
def test_segments_share_audio_if_any_sample_is_in_both(
    path: str, start: int, num_samples: int, expected: bool
) -> None:
    one = Segment("one", "s", (Piece("a", 1000, 5), Piece("a", 100, 100)))
    other = Segment("other", "s", (Piece("a", 300, 5), Piece(path, start, num_samples)))
    assert share_audio(one, other) is share_audio(other, one) is expected
