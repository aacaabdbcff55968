"""A threshold is chosen on some trials, and its accuracy is measured on others."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from benchmarks.ablation.threshold import balanced_accuracy, best_threshold


def test_no_threshold_is_better(rng: np.random.Generator) -> None:
    labels = rng.random(400) < 0.1  # few targets, as in trial lists
    scores = rng.standard_normal(400) + 1.5 * labels
    threshold = best_threshold(scores, labels)
    found = balanced_accuracy(scores, labels, threshold)
    assert found == pytest.approx(balanced_accuracy_score(labels, scores >= threshold))
    assert found == max(balanced_accuracy(scores, labels, each) for each in scores)
    assert found > 0.7


def test_it_lies_between_the_scores_it_divides() -> None:
    assert best_threshold([1.0, 2.0, 4.0, 7.0], [False, False, True, True]) == 3.0


def test_scores_without_information_are_right_half_the_time() -> None:
    labels = [True, False, False]
    threshold = best_threshold([0.0, 0.0, 0.0], labels)
    assert balanced_accuracy([0.0, 0.0, 0.0], labels, threshold) == 0.5


def test_one_more_axis_is_refused() -> None:
    """Labels of shape (N, 1) and scores of shape (N,) would be compared in all combinations."""
    with pytest.raises(ValueError, match=r"got \(2, 1\) and \(2,\)"):
        balanced_accuracy([[1.0], [0.0]], [True, False], 0.5)
    with pytest.raises(ValueError, match="trials of same and of different speakers"):
        balanced_accuracy([1.0, 0.0], [True, True], 0.5)
