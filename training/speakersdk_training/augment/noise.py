"""Noise: colored noise, recorded noise, and babble made of the other voices of the batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from speakersdk_training.augment.random import BatchRandom, decibels, rms


def colored(batch: int, num_samples: int, random: BatchRandom) -> Tensor:
    """Make (batch, num_samples) noise of power 1 / f^a, a in [-1, 2.5): blue to brown."""
    num_bins = num_samples // 2 + 1
    slope = random.uniform(-1.0, 2.5, batch, 1)
    frequency = torch.arange(1, num_bins + 1, device=random.device)[None]
    amplitude = frequency ** (-slope / 2)
    spectrum = torch.complex(
        random.normal(batch, num_bins) * amplitude, random.normal(batch, num_bins) * amplitude
    )
    noise: Tensor = torch.fft.irfft(spectrum, n=num_samples)
    return noise


def fluctuating(noise: Tensor, random: BatchRandom, *, probability: float = 0.5) -> Tensor:
    """Vary the level of randomly chosen rows of (B, n) about four times a second.

    Traffic, wind and machines are not steady; the deviation is up to 8 dB.
    """
    batch, num_samples = noise.shape
    corners = max(num_samples // 4000, 2)
    level_db = random.normal(batch, 1, corners) * random.uniform(0.0, 8.0, batch, 1, 1)
    level_db *= random.chance(probability, batch, 1, 1)
    smooth = functional.interpolate(level_db, num_samples, mode="linear", align_corners=True)
    return noise * decibels(smooth[:, 0])


def mains_hum(batch: int, num_samples: int, sample_rate_hz: int, random: BatchRandom) -> Tensor:
    """Make (batch, num_samples) hum of 50 or 60 Hz: ten harmonics, 3 to 12 dB less per octave."""
    harmonic = torch.arange(1, 11, device=random.device)
    slope = random.uniform(0.5, 2.0, batch, 1)
    mains_hz = torch.where(random.chance(0.5, batch, 1), 50.0, 60.0)
    gain = harmonic**-slope * random.uniform(0.3, 1.0, batch, 10)
    time = torch.arange(num_samples, device=random.device) / sample_rate_hz
    phase = 2 * math.pi * random.uniform(0, 1, batch, 10)
    hum = torch.zeros(batch, num_samples, device=random.device)
    for index in range(10):  # one harmonic at a time, because ten batches would not fit into memory
        angle = 2 * math.pi * (index + 1) * mains_hz * time + phase[:, index, None]
        hum += gain[:, index, None] * torch.sin(angle)
    return hum


def recorded(bank: Tensor, batch: int, num_samples: int, random: BatchRandom) -> Tensor:
    """Cut (batch, num_samples) random stretches out of recorded noise (N,) float32."""
    start = random.integers(len(bank) - num_samples, batch, 1)
    return bank[start + torch.arange(num_samples, device=bank.device)]


def babble(samples: Tensor, random: BatchRandom, *, max_voices: int = 6) -> Tensor:
    """Add up 1 to `max_voices` other rows of the batch (B, n), each at a random level."""
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
