"""Splits keep speakers apart and do not move them when data are added."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakersdk_training.data.corpus import Utterance
from speakersdk_training.data.splits import split_by_speaker
from speakersdk_training.errors import TrainingError


def utterances(names: list[str]) -> list[Utterance]:
    return [
        Utterance(corpus="c", speaker=f"c/{name}", path=Path(f"{index}.wav"))
        for index, name in enumerate(names)
    ]


@given(st.lists(st.text(max_size=3)), st.floats(0.01, 0.99))
def test_sides_are_disjoint_and_complete(names: list[str], held_out: float) -> None:
    listed = utterances(names)
    train, dev = split_by_speaker(listed, held_out=held_out)
    assert not {each.speaker for each in train} & {each.speaker for each in dev}
    assert sorted(train + dev, key=lambda each: int(each.path.stem)) == listed


def test_adding_data_moves_no_speaker() -> None:
    names = [str(number) for number in range(200)]
    before = set(split_by_speaker(utterances(names[:100]), held_out=0.3)[1])
    after = set(split_by_speaker(utterances(names), held_out=0.3)[1])
    assert before == {each for each in after if int(each.path.stem) < 100}


def test_a_larger_share_holds_out_the_same_speakers_and_more() -> None:
    listed = utterances([str(number) for number in range(200)])
    few, many = (split_by_speaker(listed, held_out=share)[1] for share in (0.1, 0.4))
    assert set(few) < set(many)


def test_share_is_that_of_the_speakers() -> None:
    listed = utterances([str(number) for number in range(2000)])
    _, dev = split_by_speaker(listed, held_out=0.2)
    # Five standard deviations of 2,000 draws of probability 0.2.
    assert len(dev) == pytest.approx(400, abs=5 * (2000 * 0.2 * 0.8) ** 0.5)


def test_sides_are_those_of_other_machines() -> None:
    """`printf c/2 | sha256sum` begins with 48: 0.28; those of 0, 1 and 3 with ef, f2 and 90."""
    _, dev = split_by_speaker(utterances(["0", "1", "2", "3"]), held_out=0.5)
    assert [each.speaker for each in dev] == ["c/2"]
    _, dev = split_by_speaker(utterances(["0", "1", "2", "3"]), held_out=0.6)
    assert [each.speaker for each in dev] == ["c/2", "c/3"]


@pytest.mark.parametrize("held_out", [0.0, 1.0, -0.1, 1.5])
def test_share_out_of_range(held_out: float) -> None:
    with pytest.raises(TrainingError, match=r"expected held_out in \(0, 1\)"):
        split_by_speaker([], held_out=held_out)
