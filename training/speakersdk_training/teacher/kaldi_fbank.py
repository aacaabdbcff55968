"""Kaldi's filterbank features, the input of published speaker encoders, on any device.

Source: Kaldi's feature-fbank.cc and mel-computations.cc with dither 0, snip_edges, and samples at
full scale 1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_PREEMPHASIS = 0.97
_LOG_FLOOR = torch.finfo(torch.float32).eps
_FFT_SIZE = 512


class KaldiFbank(nn.Module):
    """Logarithm of mel energies of 25 ms frames every 10 ms at 16 kHz, without their mean."""

    window: Tensor
    mel: Tensor

    def __init__(
        self, num_mels: int = 80, *, low_hz: float = 20.0, high_hz: float = 8000.0
    ) -> None:
        super().__init__()
        window = torch.hann_window(400, periodic=False, dtype=torch.float64) ** 0.85  # "povey"
        self.register_buffer("window", window.float(), persistent=False)
        bins_hz = torch.arange(_FFT_SIZE // 2, dtype=torch.float64) * 16000 / _FFT_SIZE
        places = 1127 * torch.log1p(bins_hz / 700)
        low, high = (1127 * math.log1p(hz / 700) for hz in (low_hz, high_hz))
        corner = low + (high - low) / (num_mels + 1) * torch.arange(num_mels + 2)[:, None]
        rising = (places - corner[:-2]) / (corner[1:-1] - corner[:-2])
        falling = (corner[2:] - places) / (corner[2:] - corner[1:-1])
        mel = torch.minimum(rising, falling).clamp(min=0)
        self.register_buffer("mel", mel.T.float(), persistent=False)  # (bins, mels)

    def forward(self, samples: Tensor) -> Tensor:
        """Compute (B, num_mels, k) of (B, n) float32 in +-1, minus each band's mean over time."""
        frames = samples.unfold(1, 400, 160)
        frames = frames - frames.mean(2, keepdim=True)
        before = torch.cat([frames[..., :1], frames[..., :-1]], dim=2)
        spectrum = torch.fft.rfft((frames - _PREEMPHASIS * before) * self.window, n=_FFT_SIZE)
        power = (spectrum.real.square() + spectrum.imag.square())[..., : _FFT_SIZE // 2]
        features = (power @ self.mel).clamp(min=_LOG_FLOOR).log()
        centered: Tensor = features - features.mean(1, keepdim=True)
        return centered.transpose(1, 2)
