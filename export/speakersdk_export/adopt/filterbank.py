"""The windows and mel filterbanks of published speaker encoders, as in their own code.

All are float64; the graph rounds them to float32 once.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from speakersdk.encoder.frontend import FrontendConfig
from speakersdk_training.models.mel_filters import mel_filters as frontend_filters

Matrix = npt.NDArray[np.float64]
WindowName = Literal["hamming", "hamming_periodic", "hann", "povey"]
MelName = Literal["kaldi", "slaney", "speechbrain", "htk"]


def analysis_window(name: WindowName, length: int) -> Matrix:
    """Return the (length,) analysis window.

    Args:
        name: `hamming`, `hann`: symmetric; `hamming_periodic`: as in torch.hamming_window;
            `povey`: Kaldi's, the symmetric Hann window to the power of 0.85.
        length: number of samples.
    """
    if name not in get_args(WindowName):
        raise ValueError(f"expected a window of {get_args(WindowName)}, got {name!r}")
    period = length if name == "hamming_periodic" else length - 1
    cosine = np.cos(2 * np.pi * np.arange(length) / period)
    if name == "hann":
        return 0.5 - 0.5 * cosine
    if name == "povey":
        return (0.5 - 0.5 * cosine) ** 0.85
    return 0.54 - 0.46 * cosine


def mel_filters(
    name: MelName,
    *,
    num_mels: int,
    fft_size: int,
    low_hz: float,
    high_hz: float,
    sample_rate_hz: int,
) -> Matrix:
    """Return the (num_mels, fft_size / 2 + 1) matrix from power spectrum to mel energies.

    Args:
        name: `kaldi`: triangles linear in mel(f) = 1127 ln(1 + f / 700), the Nyquist bin has
            weight 0. `slaney`: Slaney's scale with filters of unit area over Hz, as in librosa.
            `speechbrain`: mel(f) = 2595 log10(1 + f / 700), triangles linear in Hz whose half-width
            is the distance to the left neighbor. `htk`: the same scale, triangles linear in mel,
            and bins at i * (rate / 2) / (fft_size / 2 - 1), as in ReDimNet2.
        num_mels, fft_size: number of filters, and points of the DFT.
        low_hz, high_hz: band of the filterbank.
        sample_rate_hz: rate of the waveform.
    """
    num_bins = fft_size // 2 + 1
    bins_hz = np.arange(num_bins) * sample_rate_hz / fft_size
    filters = np.zeros((num_mels, num_bins))
    if name == "kaldi":
        filters[:, :-1] = _linear_in_mel(
            _kaldi_mel(bins_hz[:-1]), _kaldi_mel(low_hz), _kaldi_mel(high_hz), num_mels
        )
    elif name == "htk":
        spread_hz = np.linspace(0, sample_rate_hz / 2, num_bins - 1)
        filters[:, 1:-1] = _linear_in_mel(
            _htk_mel(spread_hz[1:]), _htk_mel(low_hz), _htk_mel(high_hz), num_mels
        )
    elif name == "speechbrain":
        corners_hz = _htk_hz(np.linspace(_htk_mel(low_hz), _htk_mel(high_hz), num_mels + 2))
        half_width = np.diff(corners_hz)[:-1, None]
        slope = (bins_hz - corners_hz[1:-1, None]) / half_width
        filters[:] = np.maximum(0, np.minimum(slope + 1, 1 - slope))
    elif name == "slaney":
        filters[:] = frontend_filters(
            FrontendConfig(
                sample_rate_hz=sample_rate_hz,
                fft_size=fft_size,
                num_mels=num_mels,
                low_hz=low_hz,
                high_hz=high_hz,
                mel_scale="slaney",
            )
        )
    else:
        raise ValueError(f"expected a filterbank of {get_args(MelName)}, got {name!r}")
    return filters


def _linear_in_mel(bins: Matrix, lowest: Matrix, highest: Matrix, num_mels: int) -> Matrix:
    """Return triangles that are linear in mel, between equidistant corners."""
    corners = np.linspace(lowest, highest, num_mels + 2)
    low, center, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    triangles: Matrix = np.maximum(
        0, np.minimum((bins - low) / (center - low), (high - bins) / (high - center))
    )
    return triangles


def _kaldi_mel(hz: npt.ArrayLike) -> Matrix:
    mel: Matrix = 1127 * np.log1p(np.asarray(hz) / 700)
    return mel


def _htk_mel(hz: npt.ArrayLike) -> Matrix:
    mel: Matrix = 2595 * np.log10(1 + np.asarray(hz) / 700)
    return mel


def _htk_hz(mel: Matrix) -> Matrix:
    hz: Matrix = 700 * (10 ** (mel / 2595) - 1)
    return hz
