"""Kaldi's filterbank features, the input of published speaker encoders, on any device.

Source: Kaldi's feature-fbank.cc, feature-window.cc and mel-computations.cc with dither 0 and
snip_edges.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

_PREEMPHASIS = 0.97
_LOG_FLOOR = torch.finfo(torch.float32).eps
_FFT_SIZE = 512
_FRAME = 400
_NUM_MELS = 80
_LOW_HZ, _HIGH_HZ = 20.0, 8000.0


class KaldiFbank(nn.Module):
    """Logarithm of mel energies of 25 ms frames every 10 ms at 16 kHz, without their mean."""

    window: Tensor
    mel: Tensor

    def __init__(
        self, window: Literal["povey", "hamming"] = "povey", *, full_scale: float = 1.0
    ) -> None:
        """Prepare the window and the filters.

        Args:
            window: Kaldi's name of the window.
            full_scale: factor of samples in +-1; 32768 for encoders that read int16 values.
        """
        super().__init__()
        if window == "povey":
            shape = torch.hann_window(_FRAME, periodic=False, dtype=torch.float64) ** 0.85
        else:
            shape = torch.hamming_window(_FRAME, periodic=False, dtype=torch.float64)
        self.register_buffer("window", full_scale * shape.float(), persistent=False)
        bins_hz = torch.arange(_FFT_SIZE // 2, dtype=torch.float64) * 16000 / _FFT_SIZE
        places = 1127 * torch.log1p(bins_hz / 700)
        low, high = (1127 * math.log1p(hz / 700) for hz in (_LOW_HZ, _HIGH_HZ))
        corner = low + (high - low) / (_NUM_MELS + 1) * torch.arange(_NUM_MELS + 2)[:, None]
        rising = (places - corner[:-2]) / (corner[1:-1] - corner[:-2])
        falling = (corner[2:] - places) / (corner[2:] - corner[1:-1])
        mel = torch.minimum(rising, falling).clamp(min=0)
        self.register_buffer("mel", mel.T.float(), persistent=False)  # (bins, mels)

    def forward(self, samples: Tensor) -> Tensor:
        """Compute (B, 80, k) of (B, n) float32 in +-1, minus each band's mean over time."""
        frames = samples.unfold(1, _FRAME, 160)
        frames = frames - frames.mean(2, keepdim=True)
        before = torch.cat([frames[..., :1], frames[..., :-1]], dim=2)
        spectrum = torch.fft.rfft((frames - _PREEMPHASIS * before) * self.window, n=_FFT_SIZE)
        power = (spectrum.real.square() + spectrum.imag.square())[..., : _FFT_SIZE // 2]
        features = (power @ self.mel).clamp(min=_LOG_FLOOR).log()
        centered: Tensor = features - features.mean(1, keepdim=True)
        return centered.transpose(1, 2)
