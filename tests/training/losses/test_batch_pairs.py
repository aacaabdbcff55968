"""Which rows of a batch are compared."""

from __future__ import annotations

from itertools import combinations

import torch

from speakersdk_training.losses.batch_pairs import branches, pair_rows, paired


def test_all_pairs_come_once_the_earlier_row_first() -> None:
    first, second = pair_rows(5, torch.device("cpu"))
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == list(
        combinations(range(5), 2)
    )


def test_branches_are_both_sides_of_each_pair() -> None:
    rows = torch.arange(4.0)[:, None]
    first, second = branches(rows, "all")
    assert [*zip(first[:, 0].tolist(), second[:, 0].tolist(), strict=True)] == list(
        combinations([0.0, 1.0, 2.0, 3.0], 2)
    )
    first, second = branches(rows, "two_branch")
    assert (first[:, 0].tolist(), second[:, 0].tolist()) == ([0, 2], [1, 3])


def test_same_speaker_is_told_for_each_pair() -> None:
    classes = torch.tensor([3, 3, 1, 3])
    assert paired(classes, "all").tolist() == [True, False, True, False, True, False]
    assert paired(classes, "two_branch").tolist() == [True, False]
