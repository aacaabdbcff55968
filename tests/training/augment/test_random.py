"""Random draws of a batch: their ranges, and repetition by one seed."""

from __future__ import annotations

import pytest
import torch

from speakersdk_training.augment.random import BatchRandom, decibels, rms


@pytest.fixture
def random(generator: torch.Generator) -> BatchRandom:
    return BatchRandom(generator)


def test_ranges(random: BatchRandom) -> None:
    # Of 1,000 uniform draws, one is within 2 % of each end of the range, except for 0.98^1000 =
    # 2e-9.
    uniform = random.uniform(-3.0, 5.0, 1000)
    assert -3 <= uniform.min() < -2.84
    assert 4.84 < uniform.max() < 5
    assert set(random.integers(4, 1000).tolist()) == {0, 1, 2, 3}
    assert sorted(random.permutation(50).tolist()) == list(range(50))


def test_chance_has_its_probability(random: BatchRandom) -> None:
    share = random.chance(0.2, 100, 100).float().mean()
    # Five standard deviations of the mean of 10,000 draws.
    assert float(share) == pytest.approx(0.2, abs=5 * (0.2 * 0.8 / 10_000) ** 0.5)
    assert not random.chance(0.0, 1000).any()
    assert random.chance(1.0, 1000).all()


def test_a_seed_repeats_every_kind_of_draw() -> None:
    def draws() -> list[torch.Tensor]:
        random = BatchRandom(torch.Generator().manual_seed(4))
        return [
            random.uniform(0, 1, 3),
            random.normal(3),
            random.integers(1000, 3),
            random.permutation(9),
            random.chance(0.5, 20),
        ]

    for one, other in zip(draws(), draws(), strict=True):
        assert torch.equal(one, other)


def test_level_of_silence_is_not_zero() -> None:
    levels = rms(torch.stack([torch.full((8,), -0.5), torch.zeros(8)]))
    assert levels.shape == (2, 1)
    assert float(levels[0]) == 0.5
    assert float(levels[1]) > 0


def test_decibels_are_of_amplitude() -> None:
    factors = decibels(torch.tensor([0.0, 20.0, -20.0, 6.0]))
    torch.testing.assert_close(factors, torch.tensor([1.0, 10.0, 0.1, 1.99526]), rtol=1e-5, atol=0)
