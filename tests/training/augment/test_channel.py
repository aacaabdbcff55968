"""The response of each channel, measured on its output."""

from __future__ import annotations

import math

import pytest
import torch

from speakersdk_training.augment import channel
from speakersdk_training.augment.random import BatchRandom, rms

RATE_HZ = 16000


@pytest.fixture
def random(generator: torch.Generator) -> BatchRandom:
    return BatchRandom(generator)


def in_db(values: torch.Tensor) -> torch.Tensor:
    return 20 * torch.log10(values)


def test_equalizer_is_smooth_and_of_its_strength(random: BatchRandom) -> None:
    gains = in_db(
        channel.equalizer(2000, 513, strength_db=6.0, sample_rate_hz=RATE_HZ, random=random)
    )
    assert gains.shape == (2000, 513)
    # The deviation is uniform in 0..6 dB. Therefore the variance at the center of a band is 6^2 /
    # 3; the top band is the last bin. Its estimate from 2,000 kurtotic draws varies by about 5 %.
    assert float(gains[:, -1].std()) == pytest.approx(6 / math.sqrt(3), rel=0.2)
    # Twelve bands over 7.1 octaves: neighbors 0.64 octaves apart differ by 6 sqrt(2) x 4 at most
    # in practice; from bin to bin at 1 kHz (0.02 octaves) that is 1.1 dB.
    assert gains[:, 64:].diff(dim=1).abs().max() < 1.1
    flat = channel.equalizer(3, 9, strength_db=0.0, sample_rate_hz=RATE_HZ, random=random)
    assert torch.equal(flat, torch.ones(3, 9))


def test_band_limits_cut_what_they_say(random: BatchRandom) -> None:
    limits = {"sample_rate_hz": RATE_HZ, "random": random}
    nothing = channel.band_limits(50, 801, probability=0.0, **limits)
    assert torch.equal(nothing, torch.ones(50, 801))

    cut = channel.band_limits(500, 801, probability=1.0, **limits) < 1  # bins of 10 Hz
    assert cut[:, :5].all()  # below the lowest low cut, 50 Hz
    assert not cut[:, 0].logical_not().any()
    highest = 801 - cut.flip(1).long().cumprod(dim=1).sum(dim=1)  # bins below the high cut
    assert highest.min() * 10 >= 2000  # 3 kHz, unless a notch of 1.3 touches it from below
    kept = (~cut).float().mean(dim=1)
    assert kept.min() > 0.2
    share = (channel.band_limits(4000, 3, probability=0.3, **limits)[:, -1] < 1).float().mean()
    # The last bin is Nyquist, cut only by high cuts; five deviations of 4,000 draws.
    assert float(share) == pytest.approx(0.3, abs=5 * math.sqrt(0.21 / 4000))


def test_clip_cuts_peaks_only(random: BatchRandom) -> None:
    samples = random.normal(300, 1000)
    clipped = channel.clip(samples, probability=1.0, random=random)
    limit = clipped.abs().amax(dim=1, keepdim=True)
    assert torch.equal(clipped, samples.clamp(-limit, limit))
    factor = limit / rms(samples)
    assert factor.min() >= 1 - 1e-5
    assert factor.max() <= 4 + 1e-5
    assert torch.equal(channel.clip(samples, probability=0.0, random=random), samples)
    changed = (channel.clip(samples, probability=0.5, random=random) != samples).any(dim=1)
    # Five deviations of 300 draws; a limit above the row's peak (beyond 3.2) changes nothing.
    assert 0.5 - 5 * 0.029 - 0.15 < changed.float().mean() < 0.5 + 5 * 0.029


def test_level_is_realised(random: BatchRandom) -> None:
    samples = 3.0 * random.normal(400, 1600)
    levels = in_db(rms(channel.set_level(samples, low_db=-45.0, high_db=-20.0, random=random)))
    # The noise floor of -75 dB at most adds 0.004 dB to -45 dB.
    assert levels.min() > -45.01
    assert levels.min() < -44
    assert levels.max() < -19.99
    assert levels.max() > -21


def test_level_clips_at_full_scale_and_silence_gets_a_floor(random: BatchRandom) -> None:
    loud = channel.set_level(random.normal(5, 1000), low_db=3.0, high_db=6.0, random=random)
    assert loud.abs().max() == 1
    silent = channel.set_level(torch.zeros(50, 1600), low_db=-20.0, high_db=-12.0, random=random)
    levels = in_db(rms(silent))
    # 1,600 samples give a level within 0.15 dB; five times that.
    assert levels.min() > -95.8
    assert levels.max() < -74.2
