"""Copies of a recording through vocoders: the last stage of synthesizers and voice conversion.

A copy keeps words, voice and timing. WORLD needs `pip install pyworld`, and Codec 2 the Debian
package codec2. Vocoders that are not installed are left out.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Callable

import numpy as np
import soxr
from scipy.signal import get_window, istft, lfilter, stft

from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.encoder.frontend import FrontendConfig
from speakersdk_training.models.mel_filters import mel_filters

_WINDOW, _OVERLAP = 512, 384
_ITERATIONS = 12
_FRAME, _HOP, _ORDER = 480, 160, 18  # 30 ms, 10 ms
_LOWEST_HZ, _HIGHEST_HZ = 70, 400
_CODEC_RATE_HZ, _CODEC_BLOCK = 8000, 160


def griffin_lim(samples: Waveform, chance: np.random.Generator) -> Waveform:
    """Synthesize from 80 mel bands, with phases found by iteration.

    Source: D. Griffin and J. Lim, "Signal estimation from modified short-time Fourier transform",
    1984.
    """
    filters = mel_filters(
        FrontendConfig(
            window_samples=_WINDOW,
            fft_size=_WINDOW,
            num_mels=80,
            low_hz=0.0,
            high_hz=8000.0,
            window="hann",
            mel_scale="slaney",
        )
    )
    magnitude = np.abs(stft(samples, nperseg=_WINDOW, noverlap=_OVERLAP)[2])
    restored = np.maximum(np.linalg.pinv(filters) @ (filters @ magnitude), 0)
    phase = np.exp(2j * np.pi * chance.random(restored.shape))
    for _ in range(_ITERATIONS):
        _, synthesized = istft(restored * phase, nperseg=_WINDOW, noverlap=_OVERLAP)
        again = stft(synthesized, nperseg=_WINDOW, noverlap=_OVERLAP)[2][:, : restored.shape[1]]
        phase = np.exp(1j * np.angle(again))
    _, synthesized = istft(restored * phase, nperseg=_WINDOW, noverlap=_OVERLAP)
    return np.asarray(synthesized[: len(samples)], np.float32)


def lpc(samples: Waveform, chance: np.random.Generator) -> Waveform:
    """Synthesize by linear prediction of order 18, from pulses at the pitch or from noise."""
    window = get_window("hann", _FRAME)
    padded = np.pad(samples.astype(np.float64), (_FRAME // 2, _FRAME))
    starts = np.arange(0, len(padded) - _FRAME, _HOP)
    frames = padded[starts[:, None] + np.arange(_FRAME)] * window
    spectrum = np.abs(np.fft.rfft(frames, 2 * _FRAME, axis=1)) ** 2
    correlation = np.fft.irfft(spectrum, axis=1)[:, :_FRAME]
    power = correlation[:, :1] + 1e-9
    lags = np.abs(np.subtract.outer(np.arange(_ORDER), np.arange(_ORDER)))
    normal = correlation[:, lags] + 1e-4 * power[..., None] * np.eye(_ORDER)
    inside = correlation[:, 1 : _ORDER + 1, None]
    coefficients = np.linalg.solve(normal, inside)[..., 0]
    residual = power[:, 0] - (coefficients * inside[..., 0]).sum(axis=1)
    gains = np.sqrt(np.maximum(residual, 1e-12) / (window**2).sum())
    shortest, longest = SAMPLE_RATE_HZ // _HIGHEST_HZ, SAMPLE_RATE_HZ // _LOWEST_HZ
    # The window weakens long lags; this undoes it.
    window_correlation = np.correlate(window, window, "full")[_FRAME - 1 :]
    periodicity = correlation / power * (window_correlation[0] / (window_correlation + 1e-9))
    period = shortest + periodicity[:, shortest:longest].argmax(axis=1)
    voiced = periodicity[np.arange(len(period)), period] > 0.5
    synthesized, until_pulse = np.zeros(len(padded) + _FRAME), 0.0
    excitation = chance.standard_normal(len(padded) + _FRAME)
    for start, lag, is_voiced in zip(starts, period, voiced, strict=True):
        if is_voiced:
            excitation[start : start + _HOP] = 0
            while until_pulse < _HOP:
                excitation[start + int(until_pulse)] = np.sqrt(lag)
                until_pulse += lag
            until_pulse -= _HOP
        else:
            until_pulse = 0.0
    for start, filter_, gain in zip(starts, coefficients, gains, strict=True):
        piece = window * excitation[start : start + _FRAME]
        synthesized[start : start + _FRAME] += lfilter([gain], [1, *-filter_], piece)
    return np.asarray(synthesized[_FRAME // 2 :][: len(samples)], np.float32)


def world(samples: Waveform, chance: np.random.Generator) -> Waveform:  # noqa: ARG001
    """Synthesize by WORLD, from pitch, spectral envelope and aperiodicity.

    Source: M. Morise, F. Yokomori and K. Ozawa, "WORLD: a vocoder-based high-quality speech
    synthesis system for real-time applications", 2016.
    """
    import pyworld

    exact = samples.astype(np.float64)
    pitch, time = pyworld.dio(exact, SAMPLE_RATE_HZ)
    envelope = pyworld.cheaptrick(exact, pitch, time, SAMPLE_RATE_HZ)
    aperiodicity = pyworld.d4c(exact, pitch, time, SAMPLE_RATE_HZ)
    synthesized = pyworld.synthesize(pitch, envelope, aperiodicity, SAMPLE_RATE_HZ)
    return np.asarray(synthesized[: len(samples)], np.float32)


def codec2(samples: Waveform, chance: np.random.Generator) -> Waveform:  # noqa: ARG001
    """Send through Codec 2 at 3,200 bit/s, a sinusoidal vocoder for radio at 8 kHz."""
    narrow = soxr.resample(samples, SAMPLE_RATE_HZ, _CODEC_RATE_HZ)
    pcm = (narrow / max(float(np.abs(narrow).max()), 1e-9) * 16000).astype("<i2")
    pcm = np.pad(pcm, (0, 2 * _CODEC_BLOCK))
    coded = _piped(["c2enc", "3200", "-", "-"], pcm.tobytes())
    synthesized = np.frombuffer(_piped(["c2dec", "3200", "-", "-"], coded), "<i2") / np.float32(
        32768
    )
    wide = soxr.resample(synthesized.astype(np.float32), _CODEC_RATE_HZ, SAMPLE_RATE_HZ)
    return np.asarray(wide[: len(samples)], np.float32)


def _piped(command: list[str], data: bytes) -> bytes:
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout


Copy = Callable[[Waveform, np.random.Generator], Waveform]


def vocoders() -> dict[str, Copy]:
    """Return the vocoders that are installed."""
    found: dict[str, Copy] = {"Griffin-Lim": griffin_lim, "LPC": lpc}
    if importlib.util.find_spec("pyworld") is not None:
        found["WORLD"] = world
    if shutil.which("c2enc") is not None and shutil.which("c2dec") is not None:
        found["Codec 2"] = codec2
    return found
