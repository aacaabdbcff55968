"""Short-time spectra and their inverse.

torch.istft checks whether its windows leave a gap and therefore waits for the GPU at every call; a
batch needs a dozen calls.
"""

from __future__ import annotations

import torch
from torch import Tensor


def short_time_spectrum(samples: Tensor, window: Tensor, hop: int) -> Tensor:
    """Compute (B, n) -> (B, W / 2 + 1, frames) complex; window 0 is centered on sample 0."""
    spectrum: Tensor = torch.stft(
        samples, len(window), hop, window=window, pad_mode="constant", return_complex=True
    )
    return spectrum


def overlap_add(spectrum: Tensor, window: Tensor, hop: int, num_samples: int) -> Tensor:
    """Invert `short_time_spectrum`: (B, W / 2 + 1, frames) -> (B, num_samples).

    Args:
        spectrum: (B, W / 2 + 1, frames) complex.
        window: (W,) window of both directions; W is a multiple of the hop, and windows leave no
            gap.
        hop: samples between windows.
        num_samples: length of the audio that the spectrum was computed from.

    Source: D. Griffin and J. Lim, "Signal estimation from modified short-time Fourier transform",
    1984, eq. 6.
    """
    size = len(window)
    frames = torch.fft.irfft(spectrum, n=size, dim=1) * window[:, None]
    overlapping = (window * window)[None, :, None].expand(1, -1, frames.shape[2])
    start = size // 2
    stop = start + num_samples
    return _added(frames, hop)[:, start:stop] / _added(overlapping, hop)[:, start:stop]


def _added(frames: Tensor, hop: int) -> Tensor:
    """Add up overlapping windows `hop` samples apart: (B, W, T) -> (B, (T - 1) * hop + W)."""
    batch, size, count = frames.shape
    parts = size // hop
    blocks = frames.reshape(batch, parts, hop, count)
    total = frames.new_zeros(batch, hop, count + parts - 1)
    for part in range(parts):
        total[:, :, part : part + count] += blocks[:, part]
    return total.transpose(1, 2).reshape(batch, -1)
