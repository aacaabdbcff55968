"""The Jensen-Shannon pair loss, compared with SciPy's distance, and its gradient."""

from __future__ import annotations

from itertools import combinations
from math import log
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon as scipy_root

from speakersdk.errors import ConfigError
from speakersdk_training.losses.jensen_shannon import (
    JensenShannon,
    JensenShannonConfig,
    jensen_shannon,
)

CLASSES = np.array([0, 1, 0, 2, 1, 0])


@pytest.mark.parametrize("pairs", ["all", "two_branch"])
def test_values_and_gradients(rng: np.random.Generator, pairs: Any) -> None:
    outputs = 2 * rng.standard_normal((6, 4))
    p = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    rows = list(combinations(range(6), 2)) if pairs == "all" else [(0, 1), (2, 3), (4, 5)]
    losses = []
    for i, j in rows:
        divergence = float(scipy_root(p[i], p[j])) ** 2
        losses.append(divergence if CLASSES[i] == CLASSES[j] else max(0.4 - divergence, 0.0))
    loss = JensenShannon(JensenShannonConfig(margin=0.4, pairs=pairs))
    inputs = torch.from_numpy(outputs).requires_grad_()
    classes = torch.from_numpy(CLASSES)
    assert float(loss(inputs, classes).detach()) == pytest.approx(float(np.mean(losses)), rel=1e-9)
    assert torch.autograd.gradcheck(lambda x: loss(x, classes), inputs)


def test_it_ends_at_the_logarithm_of_two() -> None:
    logs = torch.log_softmax(torch.tensor([[500.0, 0.0], [0.0, 500.0]]), dim=1)
    assert float(jensen_shannon(logs[:1], logs[1:])) == pytest.approx(log(2))
    with pytest.raises(ConfigError, match=r"a margin between 0 and ln 2, got 0\.7"):
        JensenShannonConfig(margin=0.7)


def test_shapes_must_fit() -> None:
    with pytest.raises(ValueError, match=r"expected outputs \(B, D\) and classes \(B,\), got"):
        JensenShannon(JensenShannonConfig())(torch.zeros(4, 2), torch.zeros(4, 1))
