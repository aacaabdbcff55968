"""Attentive statistics: sums compared with float64, and properties of sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from speakersdk_training.models.pooling import AttentiveStatistics

CHANNELS, FRAMES = 6, 50
# float32 values with 24 bits; sums of 50 terms, attention of 4 hidden units and tanh, sigmoid of
# a few units in the last place each: below 100 units of 6e-8.
TOLERANCE = 100 * 2**-24


@pytest.fixture
def pooling() -> AttentiveStatistics:
    torch.manual_seed(3)
    return AttentiveStatistics(CHANNELS, 4)


@pytest.fixture
def features(rng: np.random.Generator) -> torch.Tensor:
    return torch.from_numpy(rng.standard_normal((2, CHANNELS, FRAMES))).float()


@pytest.fixture
def weights(rng: np.random.Generator) -> torch.Tensor:
    return torch.from_numpy(rng.uniform(0, 1, (2, FRAMES))).float()


def reference_sums(
    pooling: AttentiveStatistics, features: torch.Tensor, weights: torch.Tensor
) -> npt.NDArray[Any]:
    first, _, last = pooling.attention
    state = [value.detach().double().numpy() for value in (first.weight, last.weight)]
    bias = [value.detach().double().numpy()[:, None] for value in (first.bias, last.bias)]
    values = features.double().numpy()
    hidden = np.tanh(state[0][:, :, 0] @ values + bias[0])
    attention = 1 / (1 + np.exp(-(state[1][:, :, 0] @ hidden + bias[1])))
    weighted = attention * weights.double().numpy()[:, None, :]
    return np.concatenate(
        [(weighted * values**power).sum(axis=2) for power in range(3)],
        axis=1,
    )


def test_sums_match_float64(
    pooling: AttentiveStatistics, features: torch.Tensor, weights: torch.Tensor
) -> None:
    expected = reference_sums(pooling, features, weights)
    got = pooling.partial_sums(features, weights).detach().numpy()
    assert got.shape == (2, pooling.statistics_size) == (2, 3 * CHANNELS)
    np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())


def test_sums_of_parts_add_up(
    pooling: AttentiveStatistics, features: torch.Tensor, weights: torch.Tensor
) -> None:
    parts = sum(
        pooling.partial_sums(features[:, :, part], weights[:, part])
        for part in (slice(0, 7), slice(7, 8), slice(8, FRAMES))
    )
    torch.testing.assert_close(
        parts, pooling.partial_sums(features, weights), rtol=TOLERANCE, atol=TOLERANCE
    )


def test_mean_and_deviation_are_those_of_weighted_samples(
    pooling: AttentiveStatistics, features: torch.Tensor, weights: torch.Tensor
) -> None:
    sums = reference_sums(pooling, features, weights)
    got = pooling.mean_and_deviation(torch.from_numpy(sums)).numpy()
    weight, first, second = np.split(sums, 3, axis=1)
    # A hundredth of a frame is added to the weight: 15 frames here, and therefore 0.1 %.
    mean = first / weight
    deviation = np.sqrt(second / weight - mean**2)
    np.testing.assert_allclose(got[:, :CHANNELS], mean, rtol=1e-2, atol=1e-3)
    np.testing.assert_allclose(got[:, CHANNELS:], deviation, rtol=1e-2)


def test_a_window_without_weight_has_finite_statistics_and_gradients(
    pooling: AttentiveStatistics,
) -> None:
    features = torch.ones(1, CHANNELS, 3, requires_grad=True)
    for weight in (0.0, 1.0):  # no frames; and constant features, whose deviation is 0
        statistics = pooling.partial_sums(features, torch.full((1, 3), weight))
        pooled = pooling.mean_and_deviation(statistics)
        (gradient,) = torch.autograd.grad(pooled.sum(), features)
        assert torch.isfinite(pooled).all()
        assert torch.isfinite(gradient).all()
    empty = pooling.mean_and_deviation(torch.zeros(1, 3 * CHANNELS))
    assert (empty[:, :CHANNELS] == 0).all()


def test_half_precision_features_are_summed_in_float32(pooling: AttentiveStatistics) -> None:
    features = torch.ones(1, CHANNELS, 1000)
    with torch.autocast("cpu", torch.bfloat16):
        sums = pooling.partial_sums(features.bfloat16(), torch.ones(1, 1000))
    assert sums.dtype == torch.float32
    weight, first, second = sums.chunk(3, dim=1)
    assert torch.equal(weight, first)
    assert torch.equal(weight, second)
    one = pooling.partial_sums(features[:, :, :1], torch.ones(1, 1))[:, :CHANNELS]
    # The attention itself has the 8 bits of bfloat16; the thousand additions must not lose more.
    torch.testing.assert_close(weight, 1000 * one, rtol=2**-7, atol=0)
