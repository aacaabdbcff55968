"""The similarity loss, compared with NumPy, and its gradient with finite differences."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch

from speakersdk_training.losses.pair_likelihood import PairLikelihood, PairLikelihoodConfig

CLASSES = np.array([0, 1, 0, 2, 1, 0])


@pytest.mark.parametrize("balance", [False, True])
@pytest.mark.parametrize("pairs", ["all", "two_branch"])
def test_values_and_gradients(rng: np.random.Generator, pairs: Any, balance: bool) -> None:
    outputs = rng.standard_normal((6, 4))
    p = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    rows = list(combinations(range(6), 2)) if pairs == "all" else [(0, 1), (2, 3), (4, 5)]
    losses: dict[bool, list[float]] = {True: [], False: []}
    for i, j in rows:
        same = bool(CLASSES[i] == CLASSES[j])
        similarity = float(p[i] @ p[j])
        losses[same].append(-np.log(similarity if same else 1 - similarity))
    kinds = [np.mean(kind) for kind in losses.values() if kind]
    expected = np.mean(kinds) if balance else np.mean(losses[True] + losses[False])
    loss = PairLikelihood(PairLikelihoodConfig(pairs=pairs, balance=balance))
    inputs = torch.from_numpy(outputs).requires_grad_()
    classes = torch.from_numpy(CLASSES)
    assert float(loss(inputs, classes).detach()) == pytest.approx(float(expected), rel=1e-12)
    assert torch.autograd.gradcheck(lambda x: loss(x, classes), inputs)


def test_certain_mistakes_cost_a_finite_amount() -> None:
    outputs = torch.tensor([[100.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
    value = PairLikelihood(PairLikelihoodConfig())(outputs, torch.tensor([0, 1, 0]))
    # Two of three pairs are as wrong as can be: -ln 1e-7 = 16.1 each.
    assert float(value) == pytest.approx(2 / 3 * 16.1, rel=0.02)


def test_shapes_must_fit() -> None:
    with pytest.raises(ValueError, match=r"expected outputs \(B, D\) and classes \(B,\), got"):
        PairLikelihood(PairLikelihoodConfig())(torch.zeros(4, 2), torch.zeros(4, 1))
