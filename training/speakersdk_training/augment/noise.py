"""Noise: coloured, recorded, and babble made of the batch's other voices."""

from __future__ import annotations

import torch
from torch import Tensor

from speakersdk_training.augment.random import BatchRandom, decibels, rms


def coloured(batch: int, num_samples: int, random: BatchRandom) -> Tensor:
    """(batch, num_samples) noise with power falling as 1 / f^a, a in [0, 2.5)."""
    num_bins = num_samples // 2 + 1
    slope = random.uniform(0.0, 2.5, batch, 1)
    frequency = torch.arange(1, num_bins + 1, device=random.device)[None]
    amplitude = frequency ** (-slope / 2)
    spectrum = torch.complex(
        random.normal(batch, num_bins) * amplitude, random.normal(batch, num_bins) * amplitude
    )
    noise: Tensor = torch.fft.irfft(spectrum, n=num_samples)
    return noise


def recorded(bank: Tensor, batch: int, num_samples: int, random: BatchRandom) -> Tensor:
    """(batch, num_samples) stretches of recorded noise (N,) float32."""
    start = random.integers(len(bank) - num_samples, batch, 1)
    return bank[start + torch.arange(num_samples, device=bank.device)]


def babble(samples: Tensor, random: BatchRandom, *, max_voices: int = 6) -> Tensor:
    """(B, n) sums of 1 to `max_voices` other rows of the batch, each at a random level."""
    batch = samples.shape[0]
    voices = random.integers(max_voices, batch, 1) + 1
    mixture = torch.zeros_like(samples)
    rows = torch.arange(batch, device=samples.device)
    level = samples / rms(samples)
    for voice in range(max_voices):
        other = (rows + 1 + random.integers(max(batch - 1, 1), 1)) % batch
        gain = decibels(random.uniform(-6.0, 6.0, batch, 1)) * (voice < voices)
        mixture += level[other] * gain
    return mixture


def mix(samples: Tensor, noise: Tensor, snr_db: Tensor) -> Tensor:
    """Add noise (B, n) at a signal-to-noise ratio (B, 1) in dB."""
    return samples + noise * (rms(samples) / rms(noise)) * decibels(-snr_db)
