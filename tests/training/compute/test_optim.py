"""Schedules at their corners, and the weights that decay."""

from __future__ import annotations

import pytest
import torch

from speakersdk_training.compute.optim import OptimConfig, make_optimizer

CONFIG = OptimConfig(
    warmup_share=0.1, final_share=0.01, margin_from_share=0.2, margin_until_share=0.6
)


@pytest.mark.parametrize(
    ("share", "factor"),
    [
        (0.0, 0.0),
        (0.05, 0.5),  # half of the warm-up
        (0.1, 1.0),
        (0.55, 0.01 + 0.99 / 2),  # half of the cosine
        (0.325, 0.01 + 0.99 * (1 + 0.5**0.5) / 2),  # a quarter of it: cos 45 degrees
        (1.0, 0.01),
    ],
)
def test_learning_rate(share: float, factor: float) -> None:
    assert CONFIG.learning_rate_factor(share) == pytest.approx(factor, abs=1e-12)


@pytest.mark.parametrize(
    ("share", "factor"), [(0.0, 0), (0.2, 0), (0.3, 0.25), (0.6, 1), (0.61, 1), (1.0, 1)]
)
def test_margin(share: float, factor: float) -> None:
    assert CONFIG.margin_factor(share) == pytest.approx(factor, abs=1e-12)


def test_schedules_without_ramps() -> None:
    config = OptimConfig(warmup_share=0.0, margin_from_share=0.5, margin_until_share=0.5)
    assert config.learning_rate_factor(0.0) == 1
    assert [config.margin_factor(share) for share in (0.4, 0.6)] == [0, 1]


def test_norms_and_biases_do_not_decay() -> None:
    modules = torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)
    optimizer = make_optimizer(OptimConfig(weight_decay=0.1, learning_rate=0.5), *modules)
    decayed, plain = optimizer.param_groups
    assert decayed["params"] == [modules[0].weight]
    assert {id(p) for p in plain["params"]} == {
        id(p) for p in (modules[0].bias, *modules[1].parameters())
    }
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.1, 0)
    assert decayed["lr"] == plain["lr"] == 0.5
