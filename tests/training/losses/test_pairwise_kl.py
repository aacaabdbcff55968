"""The pairwise loss of the papers against a loop over pairs."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from speakersdk_training.errors import TrainingError
from speakersdk_training.losses import PairwiseKl, PairwiseKlConfig

DIM = 5
# float32, sums of 5 terms of size below 10, and log and exp of a few units each.
TOLERANCE = 10 * 10 * 2.0**-24


@pytest.fixture
def logits(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    return (2 * rng.standard_normal((6, DIM))).astype(np.float32)


@pytest.fixture
def classes() -> npt.NDArray[np.int64]:
    return np.array([0, 1, 0, 2, 1, 0])


def reference(logits: npt.NDArray[Any], classes: npt.NDArray[np.int64], margin: float) -> float:
    """Mean over unordered pairs of the loss of both directions, in float64."""
    rows = np.exp(logits.astype(np.float64))
    rows /= rows.sum(axis=1, keepdims=True)
    losses = []
    for i, j in combinations(range(len(rows)), 2):
        directions = [
            (p * np.log(p / q)).sum() for p, q in ((rows[i], rows[j]), (rows[j], rows[i]))
        ]
        if classes[i] != classes[j]:
            directions = [max(margin - divergence, 0.0) for divergence in directions]
        losses.append(sum(directions))
    return float(np.mean(losses))


@pytest.mark.parametrize("margin", [0.5, 2.0, 3.0])
def test_loss_matches_a_loop_over_pairs(
    logits: npt.NDArray[np.float32], classes: npt.NDArray[np.int64], margin: float
) -> None:
    loss = PairwiseKl(PairwiseKlConfig(margin=margin))
    got = float(loss(torch.from_numpy(logits), torch.from_numpy(classes)))
    assert got == pytest.approx(reference(logits, classes, margin), rel=TOLERANCE)


def test_gradients_match_finite_differences(
    logits: npt.NDArray[np.float32], classes: npt.NDArray[np.int64]
) -> None:
    """Central differences of the float64 loop; no pair of these logits lies at the hinge."""
    inputs = torch.from_numpy(logits).requires_grad_()
    PairwiseKl(PairwiseKlConfig())(inputs, torch.from_numpy(classes)).backward()
    assert inputs.grad is not None
    point, step = logits.astype(np.float64), 1e-5
    expected = np.zeros(point.shape)
    for place in np.ndindex(point.shape):
        moved = [point.copy(), point.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        values = [reference(each, classes, 3.0) for each in moved]
        expected[place] = (values[0] - values[1]) / (2 * step)
    np.testing.assert_allclose(inputs.grad.numpy(), expected, rtol=0, atol=TOLERANCE)


def test_far_apart_speakers_and_equal_utterances_cost_nothing() -> None:
    logits = 20 * torch.eye(3).repeat(2, 1)
    classes = torch.arange(3).repeat(2)
    # Same-speaker rows are equal; others are about 20 nats apart, beyond the margin of 3.
    assert float(PairwiseKl(PairwiseKlConfig())(logits, classes)) == pytest.approx(0, abs=1e-5)
    mixed = classes.sort().values
    assert float(PairwiseKl(PairwiseKlConfig())(logits, mixed)) > 1


@pytest.mark.parametrize(
    ("logits_shape", "classes_shape"), [((4, 5), (4, 1)), ((4, 5), (3,)), ((5,), (1,))]
)
def test_shapes_must_fit(logits_shape: tuple[int, ...], classes_shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected logits \(B, D\) and classes \(B,\), got"):
        PairwiseKl(PairwiseKlConfig())(
            torch.zeros(logits_shape), torch.zeros(classes_shape, dtype=torch.long)
        )


def test_one_row_has_no_pair() -> None:
    with pytest.raises(TrainingError, match="at least 2 rows to pair, got 1"):
        PairwiseKl(PairwiseKlConfig())(torch.zeros(1, 5), torch.zeros(1, dtype=torch.long))
