"""Channels: the response of each, measured on its output."""

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


def power_between(samples: torch.Tensor, low_hz: float, high_hz: float) -> torch.Tensor:
    """(B,) share of the power of (B, n) that lies in a band; a Hann window against leakage."""
    spectrum = torch.fft.rfft(samples * torch.hann_window(samples.shape[1])).abs().square()
    frequency = torch.linspace(0, RATE_HZ / 2, spectrum.shape[1])
    inside = (frequency >= low_hz) & (frequency <= high_hz)
    return spectrum[:, inside].sum(dim=1) / spectrum.sum(dim=1)


def test_equaliser_is_smooth_and_of_its_strength(random: BatchRandom) -> None:
    gains = in_db(
        channel.equaliser(2000, 513, strength_db=6.0, sample_rate_hz=RATE_HZ, random=random)
    )
    assert gains.shape == (2000, 513)
    # The deviation is even in 0..6 dB, so the variance at a band's centre is 6^2 / 3; the top band
    # is the last bin. Its estimate from 2,000 kurtotic draws varies by about 5 %.
    assert float(gains[:, -1].std()) == pytest.approx(6 / math.sqrt(3), rel=0.2)
    # Twelve bands over 7.1 octaves: neighbours 0.64 octaves apart differ by 6 sqrt(2) x 4 at most
    # in practice; from bin to bin at 1 kHz (0.02 octaves) that is 1.1 dB.
    assert gains[:, 64:].diff(dim=1).abs().max() < 1.1
    flat = channel.equaliser(3, 9, strength_db=0.0, sample_rate_hz=RATE_HZ, random=random)
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
    # The last bin is Nyquist, cut by high cuts alone; five deviations of 4,000 draws.
    assert float(share) == pytest.approx(0.3, abs=5 * math.sqrt(0.21 / 4000))


def test_telephone_passes_the_telephone_band(random: BatchRandom) -> None:
    samples = 0.1 * random.normal(6, 16000)
    heard = channel.telephone(samples, share=1.0, sample_rate_hz=RATE_HZ, random=random)
    # Companding noise is some 35 dB below the voice and spread over the 4 kHz that are let through.
    assert power_between(heard, 190, 3510).min() > 0.999
    assert in_db(power_between(heard, 4200, 8000).sqrt()).max() < -60
    passed = torch.fft.rfft(heard).abs()[:, 400:3300].square().sum(dim=1)
    sent = torch.fft.rfft(samples).abs()[:, 400:3300].square().sum(dim=1)
    torch.testing.assert_close(passed / sent, torch.ones(6), rtol=0.01, atol=0)


def test_telephone_takes_its_share_of_the_rows(random: BatchRandom) -> None:
    samples = 0.1 * random.normal(20, 2000)
    for share, expected in ((0.0, 0), (0.12, 2), (0.5, 10), (1.0, 20)):
        heard = channel.telephone(samples, share=share, sample_rate_hz=RATE_HZ, random=random)
        assert int((heard != samples).any(dim=1).sum()) == expected
        assert torch.isfinite(heard).all()


def test_companding_has_the_noise_of_mu_law(random: BatchRandom) -> None:
    """A code of 8 bits: 38 dB below a tone, whatever its level below the row's peak."""
    time = torch.arange(16000) / RATE_HZ
    tone = torch.sin(2 * torch.pi * 1000 * time)[None]
    ratios = []
    for quiet in (1.0, 0.1):  # a loud beginning sets the peak; the tone itself is 20 dB lower
        samples = quiet * tone
        samples[:, :1600] = tone[:, :1600]
        heard = channel.telephone(samples, share=1.0, sample_rate_hz=RATE_HZ, random=random)
        late = slice(8000, 15000)
        noise = heard[0, late] - samples[0, late]
        ratios.append(float(in_db(rms(samples[:, late]) / rms(noise[None]))))
    # G.711 gives 33 dB over a range of 40 dB (ITU-T G.712 mask) and at most some 42 dB; a linear
    # code of 8 bits would lose 20 dB between the two.
    assert all(33 < ratio < 48 for ratio in ratios), ratios


def test_companding_errs_by_less_than_a_step(random: BatchRandom) -> None:
    time = torch.arange(16000) / RATE_HZ
    tone = 0.9 * torch.sin(2 * torch.pi * 997 * time)[None]
    heard = channel.telephone(tone, share=1.0, sample_rate_hz=RATE_HZ, random=random)
    error = (heard - tone)[0, 2000:14000].abs().max()
    # 127 steps of the logarithm of 1 to 256: the widest, at the peak, is 4.4 % of it. Half a step,
    # and somewhat more where the band limit that follows overshoots; a linear code would stay
    # below a tenth of that.
    step = 0.9 * math.log(256) / 127
    assert 0.25 * step < float(error) < step


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
    # 1,600 samples tell a level within 0.15 dB; five times that.
    assert levels.min() > -95.8
    assert levels.max() < -74.2
