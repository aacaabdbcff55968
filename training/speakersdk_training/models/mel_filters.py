"""Analysis windows and mel filterbanks, by name, and the front end of the ZHAW papers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from speakersdk.encoder.frontend import FrontendConfig

# Slaney's scale is linear below 1 kHz (15 mel) and rises by a factor of 6.4 in 27 mel above.
_LINEAR_HZ_PER_MEL = 200 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27

# 40 frames: 400 ms of hops, 454 ms with the last window's end.
PAPERS_SEGMENT_FRAMES = 40


def papers_frontend() -> FrontendConfig:
    """Return the papers' front end: 128 mel bands, 64 ms Hann window, log10(1 + 10,000 x).

    The papers do not divide their power spectrum x by the length of the DFT, and that length
    therefore enters the gain. Source: Y. Lukic et al., MLSP 2016, section 2, and its librosa
    defaults.
    """
    return FrontendConfig(
        window_samples=1024,
        fft_size=1024,
        num_mels=128,
        low_hz=0.0,
        high_hz=8000.0,
        preemphasis=0.0,
        window="hann",
        mel_scale="slaney",
        compression="log10_one_plus",
        compression_gain=1e4 * 1024,
    )


def analysis_window(config: FrontendConfig) -> npt.NDArray[np.float64]:
    """Return the (window_samples,) float64 analysis window of a configuration."""
    if config.window == "hann":
        return np.hanning(config.window_samples + 1)[:-1]  # periodic: its DFT has three lines
    return np.hamming(config.window_samples)


def mel_filters(config: FrontendConfig) -> npt.NDArray[np.float64]:
    """Return (num_mels, fft_size // 2 + 1) float64 weights of the power spectrum's bins."""
    if config.mel_scale == "slaney":
        return _slaney_filters(config)
    from python_speech_features import get_filterbanks  # needed only for this scale

    filters: npt.NDArray[np.float64] = get_filterbanks(
        config.num_mels, config.fft_size, config.sample_rate_hz, config.low_hz, config.high_hz
    )
    return filters


def _slaney_filters(config: FrontendConfig) -> npt.NDArray[np.float64]:
    """Return triangles of unit area over Hz. Source: M. Slaney, "Auditory Toolbox", 1998."""
    bins_hz = np.arange(config.fft_size // 2 + 1) * config.sample_rate_hz / config.fft_size
    mels = np.linspace(_to_mel(config.low_hz), _to_mel(config.high_hz), config.num_mels + 2)
    corners_hz = np.where(
        mels < _BREAK_MEL,
        mels * _LINEAR_HZ_PER_MEL,
        _BREAK_HZ * np.exp((mels - _BREAK_MEL) * _LOG_STEP),
    )
    left, center, right = (corners_hz[i : i + config.num_mels, None] for i in range(3))
    rising = (bins_hz - left) / (center - left)
    falling = (right - bins_hz) / (right - center)
    triangles: npt.NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    return triangles * (2 / (right - left))


def _to_mel(frequency_hz: float) -> float:
    if frequency_hz < _BREAK_HZ:
        return frequency_hz / _LINEAR_HZ_PER_MEL
    return float(_BREAK_MEL + np.log(frequency_hz / _BREAK_HZ) / _LOG_STEP)
