"""Channels: microphone responses, band limits, level and clipping."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from speakersdk_training.augment.random import BatchRandom, decibels, rms


def equalizer(
    batch: int, num_bins: int, *, strength_db: float, sample_rate_hz: int, random: BatchRandom
) -> Tensor:
    """Draw smooth random frequency responses: (batch, num_bins) gains.

    Twelve bands between 60 Hz and Nyquist, evenly spaced in octaves, each at a normal gain of
    `strength_db` standard deviation; the response is linear in dB and log frequency between them.
    """
    nyquist = sample_rate_hz / 2
    band_db = random.normal(batch, 12) * random.uniform(0, strength_db, batch, 1)
    frequency = torch.linspace(0, nyquist, num_bins, device=random.device).clamp(min=60.0)
    place = torch.log(frequency / 60.0) / math.log(nyquist / 60.0) * 11
    left = place.floor().long().clamp(max=10)
    share = place - left
    return decibels(band_db[:, left] * (1 - share) + band_db[:, left + 1] * share)


def band_limits(
    batch: int, num_bins: int, *, probability: float, sample_rate_hz: int, random: BatchRandom
) -> Tensor:
    """Draw filters that cut off highs, lows or a band in between: (batch, num_bins) gains."""
    nyquist = sample_rate_hz / 2
    frequency = torch.linspace(0, nyquist, num_bins, device=random.device)[None]
    highest = random.uniform(3000.0, nyquist, batch, 1)
    lowest = random.uniform(50.0, 400.0, batch, 1)
    notch_low = random.uniform(200.0, 7000.0, batch, 1)
    notch_high = notch_low * random.uniform(1.05, 1.3, batch, 1)
    gains = torch.ones(batch, num_bins, device=random.device)
    cut_high = random.chance(probability, batch, 1) & (frequency > highest)
    cut_low = random.chance(probability, batch, 1) & (frequency < lowest)
    notch = random.chance(probability, batch, 1)
    notch = notch & (frequency > notch_low) & (frequency < notch_high)
    return gains.masked_fill(cut_high | cut_low | notch, 0.003)


def clip(samples: Tensor, *, probability: float, random: BatchRandom) -> Tensor:
    """Clip random rows at 1-4 times their root mean square, like an overdriven input."""
    batch = samples.shape[0]
    limit = rms(samples) * random.uniform(1.0, 4.0, batch, 1)
    chosen = random.chance(probability, batch, 1)
    return torch.where(chosen, samples.clamp(-limit, limit), samples)


def set_level(samples: Tensor, *, low_db: float, high_db: float, random: BatchRandom) -> Tensor:
    """Scale each row to a random level (root mean square in dB of full scale), clip at +-1.

    A noise floor of 16-bit audio or worse (-95 to -75 dB) is added, because every microphone has
    one.
    """
    batch = samples.shape[0]
    level = decibels(random.uniform(low_db, high_db, batch, 1))
    floor = random.normal(*samples.shape) * decibels(random.uniform(-95.0, -75.0, batch, 1))
    return (samples * (level / rms(samples)) + floor).clamp(-1, 1)
