"""Trial and segment lists: their meaning, and the errors about invalid lists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakersdk.errors import ConfigError
from speakersdk.evaluation.segments import (
    Segment,
    read_recordings,
    read_segments,
    write_segments,
)
from speakersdk.evaluation.trials import (
    Trial,
    count_repeated,
    read_scores,
    read_speakers,
    read_trials,
    ready_scores,
    speakers_in_paths,
    used_segments,
    write_trials,
)


def test_trials(path: Path) -> None:
    path.write_text("1 id1/a/1.wav id1/b/2.wav\n0\tid1/a/1.wav  id2/ä.wav \n", encoding="utf-8")
    assert read_trials(path) == [
        Trial(True, "id1/a/1.wav", "id1/b/2.wav"),
        Trial(False, "id1/a/1.wav", "id2/ä.wav"),
    ]


def test_voxceleb_and_kaldi_lists_are_the_same(path: Path) -> None:
    expected = [
        Trial(True, "a/1.wav", "a/2.wav"),
        Trial(False, "a/1.wav", "b/1.wav"),
    ]
    for text in (
        "1 a/1.wav a/2.wav\n0 a/1.wav b/1.wav\n",
        "a/1.wav a/2.wav target\n\na/1.wav b/1.wav nontarget\n",
        "a/1.wav a/2.wav 1\na/1.wav b/1.wav 0\n",
    ):
        path.write_text(text)
        assert read_trials(path) == expected


def test_columns_after_the_third_are_conditions(path: Path) -> None:
    for text in (
        "1 a b clean 3s\n0 a c noisy 1s\n",
        "a b target clean 3s\na c nontarget noisy 1s\n",
    ):
        path.write_text(text)
        assert [trial.conditions for trial in read_trials(path)] == [
            ("clean", "3s"),
            ("noisy", "1s"),
        ]


def test_an_enrolled_name_may_look_like_a_label(path: Path) -> None:
    path.write_text("1 x target\n2 x nontarget\n")
    assert read_trials(path)[0] == Trial(True, "1", "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "got an empty list"),
        ("1 a\n", r"list\.txt:1: expected '0\|1 enroll probe'"),
        ("1 a b\n2 a c\n", r"list\.txt:1: .*got '1 a b'"),
        ("a b target\na b maybe\n", r"list\.txt:2: .*got 'a b maybe'"),
        ("1 a b clean\n0 a c\n", "expected 4 columns, got 3"),
    ],
)
def test_other_lines_are_refused(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_trials(path)


def test_scores(path: Path) -> None:
    path.write_text("a b -0.5\na c 1e-3 target\n")
    assert read_scores([path]) == {("a", "b"): -0.5, ("a", "c"): 0.001}
    for text in ("a b\n", "a b x\n", "a b nan\n", "a b -inf\n", "a b -1.797e308\n"):
        path.write_text(text)
        with pytest.raises(ConfigError, match="expected 'enroll probe score'"):
            read_scores([path])
    path.write_text("a b 1\na b 1.0\n")  # of a trial that is listed twice
    assert read_scores([path, path]) == {("a", "b"): 1.0}
    path.write_text("a b 1\na b 2\n")
    with pytest.raises(ConfigError, match=r"list\.txt:2: a second, different score for a b"):
        read_scores([path])


@pytest.mark.parametrize("read", [read_trials, lambda path: read_scores([path]), read_speakers])
def test_lists_of_a_spreadsheet_are_refused_with_what_to_do(
    path: Path, read: Callable[[Path], object]
) -> None:
    """The message was about spaces in names."""
    lines = ["a,b,0.5\n"] if read is read_speakers else ["1,a,b\n", "a b 0,5\n"]
    for line in lines:
        path.write_text(line)
        with pytest.raises(ConfigError, match="not with commas, and write a point in numbers"):
            read(path)


def test_speakers(path: Path) -> None:
    path.write_text("a-1 a\nb-1 b\n")
    assert read_speakers(path) == {"a-1": "a", "b-1": "b"}
    path.write_text("a-1\n")
    with pytest.raises(ConfigError, match="expected 'recording speaker'"):
        read_speakers(path)
    path.write_text("a-1 a\nb-1 b\na-1 a\nb-1 a\n")
    with pytest.raises(ConfigError, match=r"list\.txt:4: a second speaker for b-1"):
        read_speakers(path)


@pytest.mark.parametrize("read", [read_trials, read_segments, read_speakers, read_recordings])
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
    """Labels follow from the speakers, and no trial compares a segment with itself."""
    folder = speech_data.root / "trials"
    trials = read_trials(folder / f"{corpus}-dev-3.0s.txt")
    segments = read_segments(folder / "segments-3.0s.jsonl")
    assert sum(not trial.is_target for trial in trials) == 40_000
    for trial in trials:
        enroll, probe = segments[trial.enroll], segments[trial.probe]
        assert trial.is_target == (enroll.speaker == probe.speaker)
        assert trial.enroll != trial.probe


def test_what_is_written_is_read_again(path: Path) -> None:
    trials = [
        Trial(True, "New Recording (1).flac", "b c", ("quiet room",)),
        Trial(False, "a", "Jos\u00e9.wav", ("car",)),
    ]
    write_trials(path, trials)
    assert read_trials(path) == trials


def test_names_with_spaces_stand_between_tabs(path: Path) -> None:
    path.write_text("New Recording (1).flac\tb c.wav\t1\n", encoding="utf-8")
    assert read_trials(path) == [Trial(True, "New Recording (1).flac", "b c.wav")]
    path.write_text("a b\tc d\t-0.5\n")
    assert read_scores([path]) == {("a b", "c d"): -0.5}
    path.write_text("a b\tann lee\n")
    assert read_speakers(path) == {"a b": "ann lee"}
    path.write_text("0 a.wav b.wav\n1 New Recording (1).flac b.wav\n")
    with pytest.raises(ConfigError, match="got 5; if names contain spaces"):
        read_trials(path)


@pytest.mark.parametrize(
    ("line", "enroll", "probe"),
    [
        ('1 "a b.wav" c.wav', "a b.wav", "c.wav"),
        ("1 'a b.wav' 'c d.wav'", "a b.wav", "c d.wav"),
        ('"1" "a.wav" "b.wav"', "a.wav", "b.wav"),
        ('1\t"a b.wav"\tc d.wav', "a b.wav", "c d.wav"),
        ("1 O'Brien.wav Ann's.wav", "O'Brien.wav", "Ann's.wav"),
        ("1 'it's a.wav' b.wav", "it's a.wav", "b.wav"),
        ('1 ""a"" "\'b\'"', '"a"', "'b'"),
        ('1 "a b.wav', '"a', "b.wav"),  # not closed: part of the name
    ],
)
def test_quotation_marks_group_and_are_left_out(
    path: Path, line: str, enroll: str, probe: str
) -> None:
    path.write_text(line)
    assert read_trials(path) == [Trial(True, enroll, probe)]
    write_trials(path, [Trial(True, enroll, probe)])
    assert read_trials(path) == [Trial(True, enroll, probe)]


def test_scores_and_speakers_are_quoted_like_trials(path: Path) -> None:
    path.write_text('"a b" "c d" -0.5\n')
    assert read_scores([path]) == {("a b", "c d"): -0.5}
    path.write_text('"a b" "ann lee"\n')
    assert read_speakers(path) == {"a b": "ann lee"}


def test_a_name_is_the_same_however_its_accents_are_typed(path: Path) -> None:
    composed, decomposed = "Jos\u00e9", "Jose\u0301"
    path.write_text(f"1 {decomposed} b\n", encoding="utf-8")
    trials = read_trials(path)
    path.write_text(f"{composed} b 2.5\n", encoding="utf-8")
    assert ready_scores(trials, [path]).tolist() == [2.5]


def test_repeated_trials_are_counted_in_the_order_of_their_names() -> None:
    trials = [Trial(True, "a", "b"), Trial(False, "a", "c"), Trial(True, "b", "a")]
    assert count_repeated(trials, is_symmetric=True) == 0
    again = [Trial(True, "a", "b", ("another condition",)), Trial(True, "a", "b")]
    assert count_repeated([*trials, *again], is_symmetric=True) == 2


def test_a_pair_with_both_labels_is_refused() -> None:
    trials = [Trial(True, "a", "b"), Trial(False, "a", "c")]
    for is_symmetric in (True, False):
        with pytest.raises(ConfigError, match="got target and nontarget for a c"):
            count_repeated([*trials, Trial(True, "a", "c")], is_symmetric=is_symmetric)
    swapped = [*trials, Trial(False, "b", "a")]
    assert (
        count_repeated(swapped, is_symmetric=False) == 0
    )  # models may have the names of recordings
    with pytest.raises(ConfigError, match="got target and nontarget for b a"):
        count_repeated(swapped, is_symmetric=True)


@pytest.mark.parametrize("common", ["", "wav/", "/data/vox 1/wav/", "./"])
def test_speakers_are_the_first_folders_that_differ(common: str) -> None:
    inside = {"id1/x/1.wav": "id1", "id1/y/1.wav": "id1", "id2/1.wav": "id2"}
    found = speakers_in_paths(["plain.wav", *(f"{common}{path}" for path in inside)])
    assert found == {f"{common}{path}": speaker for path, speaker in inside.items()}


def test_paths_of_one_folder_name_no_speaker() -> None:
    assert speakers_in_paths(["wav/1.wav", "wav/2.wav"]) == {}
    assert speakers_in_paths([]) == {}


def test_a_list_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    """A part of a list would be taken for a whole one."""
    path = tmp_path / "list"
    segment: Any = Segment("a", {"not JSON"}, ())  # type: ignore[arg-type]
    for write in (
        lambda: write_trials(path, [Trial(True, "a", "b"), Trial(True, "a", "\ud800")]),
        lambda: write_segments(path, [segment]),
    ):
        path.write_text("old")
        with pytest.raises((UnicodeEncodeError, TypeError)):
            write()
        assert path.read_text() == "old"
