"""Channels: microphone responses, band limits, telephone companding, level, clipping."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from speakersdk_training.augment.random import BatchRandom, decibels, rms

_MU = 255.0  # ITU-T G.711 mu-law


def equaliser(
    batch: int, num_bins: int, *, strength_db: float, sample_rate_hz: int, random: BatchRandom
) -> Tensor:
    """(batch, num_bins) gains of random smooth frequency responses.

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
    """(batch, num_bins) gains that cut off highs, lows or a random band in between."""
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


def telephone(samples: Tensor, *, share: float, sample_rate_hz: int, random: BatchRandom) -> Tensor:
    """Band limit 300-3400 Hz and mu-law (ITU-T G.711) for a fixed share of the rows (B, n)."""
    # A fixed number of rows, so that the device need not wait for a count.
    count = round(share * len(samples))
    if count == 0:  # no Fourier transform of no rows
        return samples
    chosen = random.permutation(len(samples))[:count]
    rows = samples[chosen]
    band = _band_pass(rows, 300.0, 3400.0, sample_rate_hz)
    peak = band.abs().amax(dim=1, keepdim=True).clamp(min=1e-5)
    scaled = band / peak
    code = torch.sign(scaled) * torch.log1p(_MU * scaled.abs()) / math.log1p(_MU)
    code = torch.round(code * 127) / 127
    decoded = torch.sign(code) * torch.expm1(code.abs() * math.log1p(_MU)) / _MU
    result = samples.clone()
    result[chosen] = _band_pass(decoded, 0.0, 4000.0, sample_rate_hz) * peak
    return result


def clip(samples: Tensor, *, probability: float, random: BatchRandom) -> Tensor:
    """Overdrive: rows chosen by chance are clipped at 1-4 times their root mean square."""
    batch = samples.shape[0]
    limit = rms(samples) * random.uniform(1.0, 4.0, batch, 1)
    chosen = random.chance(probability, batch, 1)
    return torch.where(chosen, samples.clamp(-limit, limit), samples)


def set_level(samples: Tensor, *, low_db: float, high_db: float, random: BatchRandom) -> Tensor:
    """Bring each row to a random level (root mean square in dB of full scale), clip at +-1.

    A noise floor of 16-bit audio or worse (-95 to -75 dB) is added, as every microphone has one.
    """
    batch = samples.shape[0]
    level = decibels(random.uniform(low_db, high_db, batch, 1))
    floor = random.normal(*samples.shape) * decibels(random.uniform(-95.0, -75.0, batch, 1))
    return (samples * (level / rms(samples)) + floor).clamp(-1, 1)


def _band_pass(samples: Tensor, low_hz: float, high_hz: float, sample_rate_hz: int) -> Tensor:
    num_samples = samples.shape[1]
    padded = functional.pad(samples, (0, 512))
    spectrum = torch.fft.rfft(padded)
    frequency = torch.linspace(0, sample_rate_hz / 2, spectrum.shape[1], device=samples.device)
    # Edges 100 Hz wide keep the filter's ringing short.
    rise = ((frequency - low_hz) / 100 + 1).clamp(0, 1)
    fall = ((high_hz - frequency) / 100 + 1).clamp(0, 1)
    passed: Tensor = torch.fft.irfft(spectrum * rise * fall, n=padded.shape[1])
    return passed[:, :num_samples]
