"""Noise: its level relative to the voice, its color, and the voices in babble."""

from __future__ import annotations

import pytest
import torch

from speakersdk_training.augment import noise
from speakersdk_training.augment.random import BatchRandom


@pytest.fixture
def random(generator: torch.Generator) -> BatchRandom:
    return BatchRandom(generator)


def test_mix_realises_the_ratio(random: BatchRandom) -> None:
    samples, disturbance = random.normal(3, 4000), 7 * random.normal(3, 4000)
    snr_db = torch.tensor([[-5.0], [0.0], [20.0]])
    added = noise.mix(samples, disturbance, snr_db) - samples
    measured = 10 * torch.log10(samples.square().sum(dim=1) / added.square().sum(dim=1))
    # float32: the difference loses the digits by which the voice exceeds the noise, at most 20 dB.
    torch.testing.assert_close(measured, snr_db[:, 0], rtol=0, atol=1e-3)


def test_mix_of_silence_stays_finite() -> None:
    silence = torch.zeros(2, 100)
    assert torch.isfinite(noise.mix(silence, silence, torch.zeros(2, 1))).all()


def test_colors_lie_between_blue_and_beyond_brown(random: BatchRandom) -> None:
    spectrum = torch.fft.rfft(noise.colored(200, 4096, random)).abs().square()
    # Power per bin falls as 1 / f^a: two bands, two octaves apart, give a.
    low, high = spectrum[:, 96:160].mean(dim=1), spectrum[:, 384:640].mean(dim=1)
    slope = torch.log(low / high) / torch.log(torch.tensor(4.0))
    # 64 and 256 bins with 2 degrees of freedom each: the ratio's log varies by sqrt(1/64 + 1/256),
    # 0.14, and therefore the slope by 0.10; five times that. Averages within a band add below 0.05.
    assert slope.min() > -1 - 0.55
    assert slope.max() < 2.5 + 0.55
    assert slope.std() > 0.7  # uniform in [-1, 2.5): 1.01


def test_recorded_stretches_are_of_the_bank(random: BatchRandom) -> None:
    bank = torch.arange(1000.0)
    stretches = noise.recorded(bank, 500, 100, random)
    assert (stretches.diff(dim=1) == 1).all()
    assert stretches.min() < 30
    assert stretches.max() > 970


def test_babble_is_of_other_voices_at_a_like_level(random: BatchRandom) -> None:
    # Every row has its own frequency. Therefore a spectrum shows who speaks.
    rows = (
        torch.stack(
            [torch.sin(2 * torch.pi * (row + 5) * torch.arange(512) / 512) for row in range(8)]
        )
        * torch.tensor([0.01, 1.0] * 4)[:, None]
    )
    mixed = torch.zeros(8, 8)
    for _ in range(50):
        mixture = noise.babble(rows, random)
        share = torch.fft.rfft(mixture).abs()[:, 5:13] / 256
        assert (share.diagonal() < 1e-4).all(), "a row's own voice is in its babble"
        assert ((share > 0.1).sum(dim=1) >= 1).all()
        assert ((share > 0.1).sum(dim=1) <= 6).all()
        mixed += share > 0.1
    # Loud and quiet voices. After 50 batches, every voice has been mixed with every other one.
    assert (mixed + torch.eye(8) > 0).all()


def test_babble_needs_no_second_row(random: BatchRandom) -> None:
    assert torch.isfinite(noise.babble(torch.ones(1, 100), random)).all()


def test_fluctuating_noise_keeps_its_sound_and_moves_its_level(random: BatchRandom) -> None:
    steady = torch.ones(400, 16000)
    assert torch.equal(noise.fluctuating(steady, random, probability=0.0), steady)
    level_db = 20 * torch.log10(noise.fluctuating(steady, random, probability=0.5))
    moved = level_db.std(dim=1) > 1e-3
    # Five deviations of 400 draws.
    assert 0.5 - 5 * 0.025 < moved.float().mean() < 0.5 + 5 * 0.025
    # Four corners of up to 8 dB, with a deviation that is uniform in 0..8: 4.6 dB in the mean
    # square.
    corners = level_db[moved][:, [0, -1]]
    assert float(corners.std()) == pytest.approx(8 / 3**0.5, rel=0.2)
    # Straight lines in dB between corners a third of the crop apart.
    assert level_db.diff(n=2, dim=1).abs().gt(1e-3).sum(dim=1).max() <= 4


def test_hum_has_the_harmonics_of_the_mains(random: BatchRandom) -> None:
    hum = noise.mains_hum(50, 16000, 16000, random)  # bins of 1 Hz
    spectrum = torch.fft.rfft(hum).abs()
    fifty = spectrum[:, 50] > spectrum[:, 60]
    assert 10 < int(fifty.sum()) < 40
    for row, is_fifty in zip(spectrum, fifty, strict=True):
        base = 50 if is_fifty else 60
        lines = row[base : 10 * base + 1 : base]
        # All of the power is in the ten lines, within the precision of float32.
        assert row.square().sum() - lines.square().sum() < 1e-3 * lines.square().sum()
