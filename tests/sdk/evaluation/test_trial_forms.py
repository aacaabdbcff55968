"""Trial lists of other toolkits."""

from pathlib import Path

import pytest

from speakersdk.errors import ConfigError
from speakersdk.evaluation.trial_forms import (
    ListedTrial,
    read_listed_trials,
    read_scores,
    read_speakers,
)
from speakersdk.evaluation.trials import Trial


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "list.txt"


def test_voxceleb_and_kaldi_lists_are_the_same(path: Path) -> None:
    expected = [
        ListedTrial(Trial(True, "a/1.wav", "a/2.wav"), ()),
        ListedTrial(Trial(False, "a/1.wav", "b/1.wav"), ()),
    ]
    for text in (
        "1 a/1.wav a/2.wav\n0 a/1.wav b/1.wav\n",
        "a/1.wav a/2.wav target\n\na/1.wav b/1.wav nontarget\n",
        "a/1.wav a/2.wav 1\na/1.wav b/1.wav 0\n",
    ):
        path.write_text(text)
        assert read_listed_trials(path) == expected


def test_columns_after_the_third_are_conditions(path: Path) -> None:
    for text in (
        "1 a b clean 3s\n0 a c noisy 1s\n",
        "a b target clean 3s\na c nontarget noisy 1s\n",
    ):
        path.write_text(text)
        assert [entry.conditions for entry in read_listed_trials(path)] == [
            ("clean", "3s"),
            ("noisy", "1s"),
        ]


def test_an_enrolled_name_may_look_like_a_label(path: Path) -> None:
    path.write_text("1 x target\n2 x nontarget\n")
    assert read_listed_trials(path)[0].trial == Trial(True, "1", "x")


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
        read_listed_trials(path)


def test_scores(path: Path) -> None:
    path.write_text("a b -0.5\na c 1e-3 target\n")
    assert read_scores([path]) == {("a", "b"): -0.5, ("a", "c"): 0.001}
    for text in ("a b\n", "a b x\n", "a b nan\n"):
        path.write_text(text)
        with pytest.raises(ConfigError, match="expected 'enroll probe score'"):
            read_scores([path])
    path.write_text("a b 1\na b 2\n")
    with pytest.raises(ConfigError, match="a second score of a b"):
        read_scores([path])


def test_speakers(path: Path) -> None:
    path.write_text("a-1 a\nb-1 b\n")
    assert read_speakers(path) == {"a-1": "a", "b-1": "b"}
    path.write_text("a-1\n")
    with pytest.raises(ConfigError, match="expected 'recording speaker'"):
        read_speakers(path)


@pytest.mark.parametrize("read", [read_listed_trials, read_speakers])
def test_a_missing_list_is_named(path: Path, read: object) -> None:
    with pytest.raises(ConfigError, match=r"expected a list at .*list\.txt, found none"):
        read(path)  # type: ignore[operator]
