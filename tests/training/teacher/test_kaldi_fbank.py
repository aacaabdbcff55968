"""Kaldi's features: their shape, a mean of zero, no effect of an offset, and the band of a tone."""

from __future__ import annotations

import math

import torch

from speakersdk_training.teacher.kaldi_fbank import KaldiFbank


def test_bands_have_no_mean_and_an_offset_changes_nothing() -> None:
    samples = 0.1 * torch.randn(2, 16000, generator=torch.Generator().manual_seed(1))
    features = KaldiFbank()(samples)
    assert features.shape == (2, 80, 98)
    assert features.mean(2).abs().max() < 1e-4
    torch.testing.assert_close(KaldiFbank()(samples + 0.1), features, rtol=0, atol=1e-3)


def test_a_tone_that_begins_later_raises_its_band_most() -> None:
    time = torch.arange(16000) / 16000
    samples = 1e-4 * torch.randn(16000, generator=torch.Generator().manual_seed(1))
    samples[8000:] += 0.3 * torch.sin(2 * math.pi * 1000 * time[8000:])
    features = KaldiFbank()(samples[None])[0]
    rise = features[:, 60:].mean(1) - features[:, :40].mean(1)
    mel = 1127 * math.log1p(1000 / 700)
    low, high = (1127 * math.log1p(hz / 700) for hz in (20, 8000))
    assert abs(int(rise.argmax()) - ((mel - low) / (high - low) * 81 - 1)) <= 1
