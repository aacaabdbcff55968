"""The telephone: 8 kHz, 300-3400 Hz, eight bits per sample by ITU-T G.711, mu-law or A-law."""

from __future__ import annotations

import torch
from torch import Tensor

from speakersdk_training.augment.random import BatchRandom

TELEPHONE_RATE_HZ = 8000
_LOW_HZ, _HIGH_HZ = 300.0, 3400.0
_EDGE_HZ = 100.0  # edges this wide keep the filter's ringing short
_PADDING_S = 0.032  # silence after the crop so that the filter does not ring into its beginning
_MU_FULL_SCALE, _MU_BIAS, _MU_LIMIT = 8192.0, 33.0, 8158.0  # 14 bits
_A_FULL_SCALE = 2048.0  # 12 bits and sign


def telephone(
    samples: Tensor, *, share: float, a_law: float, sample_rate_hz: int, random: BatchRandom
) -> Tensor:
    """Send a fixed share of the rows (B, n) through a telephone.

    Args:
        samples: (B, n) float32 of any level; each row's peak is scaled to full scale of the code.
        share: share of the rows that are sent.
        a_law: share of the sent rows that are coded by A-law; the others are coded by mu-law.
        sample_rate_hz: sample rate of `samples`, a multiple of 8000.
        random: source of the draws.
    """
    # A fixed number of rows so that the device does not wait for a count.
    count = round(share * len(samples))
    if count == 0:  # an empty batch has no Fourier transform
        return samples
    chosen = random.permutation(len(samples))[:count]
    narrow, scale = _to_telephone_rate(samples[chosen], sample_rate_hz)
    peak = narrow.abs().amax(dim=1, keepdim=True).clamp(min=1e-5)
    narrow = narrow / peak
    is_a_law = torch.arange(count, device=samples.device)[:, None] < round(a_law * count)
    coded = torch.where(is_a_law, code_a_law(narrow), code_mu_law(narrow)) * peak
    result = samples.clone()
    result[chosen] = _from_telephone_rate(coded, scale)[:, : samples.shape[1]]
    return result


def code_mu_law(samples: Tensor) -> Tensor:
    """Encode and decode samples in +-1 by mu-law. Source: ITU-T G.711, table 2a."""
    magnitude = (samples.abs() * _MU_FULL_SCALE).round().clamp(max=_MU_LIMIT) + _MU_BIAS
    segment = torch.log2(magnitude).floor() - 5  # 0 to 7; 16 steps each
    step = torch.exp2(segment + 1)
    decoded = (magnitude / step).floor() * step + step / 2 - _MU_BIAS
    return torch.sign(samples) * decoded / _MU_FULL_SCALE


def code_a_law(samples: Tensor) -> Tensor:
    """Encode and decode samples in +-1 by A-law. Source: ITU-T G.711, table 1a."""
    magnitude = (samples.abs() * _A_FULL_SCALE).floor().clamp(max=_A_FULL_SCALE - 1)
    # The first two of eight segments have steps of 1; each further segment doubles them.
    segment = (torch.log2(magnitude.clamp(min=1)).floor() - 4).clamp(min=0)
    step = torch.exp2(segment)
    decoded = (magnitude / step).floor() * step + step / 2
    return torch.where(samples < 0, -decoded, decoded) / _A_FULL_SCALE


def _to_telephone_rate(samples: Tensor, sample_rate_hz: int) -> tuple[Tensor, int]:
    """Resample (B, n) to band-limited (B, m) at 8 kHz; also returns the decimation factor."""
    scale = sample_rate_hz // TELEPHONE_RATE_HZ
    padding = round(_PADDING_S * sample_rate_hz)
    size = -(-(samples.shape[1] + padding) // (2 * scale)) * 2 * scale
    spectrum = torch.fft.rfft(samples, n=size)[:, : size // (2 * scale) + 1]
    frequency = torch.linspace(0, TELEPHONE_RATE_HZ / 2, spectrum.shape[1], device=samples.device)
    rise = ((frequency - _LOW_HZ) / _EDGE_HZ + 1).clamp(0, 1)
    fall = ((_HIGH_HZ - frequency) / _EDGE_HZ + 1).clamp(0, 1)
    return torch.fft.irfft(spectrum * rise * fall, n=size // scale) / scale, scale


def _from_telephone_rate(samples: Tensor, scale: int) -> Tensor:
    """Resample (B, m) at 8 kHz to (B, m * scale), with nothing above 4 kHz."""
    spectrum = torch.fft.rfft(samples)
    spectrum[:, -1] = 0  # half of the Nyquist bin, which is ambiguous for even lengths
    resampled: Tensor = torch.fft.irfft(spectrum, n=samples.shape[1] * scale)
    return resampled * scale
