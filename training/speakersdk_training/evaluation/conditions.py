"""Conditions for evaluating an encoder, implemented independently of training.

They use NumPy and a real codec of libsndfile, one recording at a time. The training augmentation is
not used, because its mistakes would cancel out here.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import soundfile as sf
import soxr

from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ

_GSM_RATE_HZ = 8000
# Direct sound 3 dB above the reverberation, as at about 2 m in a living room.
_DIRECT_DB = 3.0
_FIRST_REFLECTION_S = 0.005
_PEAK_BEFORE_CODING = 0.7

Condition = Callable[[Waveform, np.random.Generator], Waveform]


def clean(samples: Waveform, rng: np.random.Generator) -> Waveform:  # noqa: ARG001
    """Return the recording unchanged."""
    return samples


def telephone(samples: Waveform, rng: np.random.Generator) -> Waveform:  # noqa: ARG001
    """Encode and decode at 8 kHz with libsndfile's GSM 06.10 full rate (13 kbit/s)."""
    narrow = soxr.resample(samples, SAMPLE_RATE_HZ, _GSM_RATE_HZ, quality="HQ")
    peak = max(float(np.abs(narrow).max()), 1e-6)
    file = io.BytesIO()
    sf.write(
        file, narrow * (_PEAK_BEFORE_CODING / peak), _GSM_RATE_HZ, format="WAV", subtype="GSM610"
    )
    file.seek(0)
    decoded, _ = sf.read(file, dtype="float32")
    wide = soxr.resample(decoded, _GSM_RATE_HZ, SAMPLE_RATE_HZ, quality="HQ")
    wide = np.resize(wide, len(samples)) * (peak / _PEAK_BEFORE_CODING)
    return wide.astype(np.float32)


def noisy(samples: Waveform, rng: np.random.Generator) -> Waveform:
    """Add pink noise 10 dB below the recording."""
    noise = colored_noise(len(samples), exponent=1.0, rng=rng)
    return add_noise(samples, noise, snr_db=10.0)


def in_room(samples: Waveform, rng: np.random.Generator) -> Waveform:
    """Add reverberation: noise 3 dB below the direct sound that decays by 60 dB in 0.3 to 0.8 s."""
    rt60_s = rng.uniform(0.3, 0.8)
    time = np.arange(round(rt60_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / rt60_s)
    tail[: round(_FIRST_REFLECTION_S * SAMPLE_RATE_HZ)] = 0
    response = tail * 10 ** (-_DIRECT_DB / 20) / np.sqrt(np.sum(tail**2))
    response[0] = 1.0
    size = len(samples) + len(response)
    convolved = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)
    return _within_full_scale(convolved[: len(samples)])


CONDITIONS: dict[str, Condition] = {
    "clean": clean,
    "telephone": telephone,
    "noise 10 dB": noisy,
    "room": in_room,
}


def colored_noise(
    size: int, *, exponent: float, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Make (size,) noise of power 1 / f^exponent: 0 white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    spectrum /= np.arange(1, len(spectrum) + 1) ** (exponent / 2)
    return np.fft.irfft(spectrum, size)


def add_noise(
    samples: Waveform,
    noise: npt.NDArray[np.float64],
    *,
    snr_db: float,
    active: npt.NDArray[np.bool_] | None = None,
) -> Waveform:
    """Add noise `snr_db` below the samples, or below the active samples."""
    voice = samples if active is None or not active.any() else samples[active]
    power = float(np.mean(np.square(voice, dtype=np.float64)))
    level = np.sqrt(power / max(float(np.mean(noise**2)), 1e-12))
    return _within_full_scale(samples + noise * level * 10 ** (-snr_db / 20))


def _within_full_scale(samples: npt.NDArray[np.float64]) -> Waveform:
    scaled: Waveform = (samples / max(1.0, float(np.abs(samples).max()))).astype(np.float32)
    return scaled
