"""Whether live audio is good enough to enroll from: level, clipping, noise, bandwidth.

Levels are root mean squares over a hop, smoothed, in dB of full scale.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform

# Speech at arm's length from a laptop is around -35 dBFS; below -50 the noise of cheap converters
# is near.
QUIET_DBFS: Final = -50.0
# Of the samples of a hop: the waveform of a vowel that is cut off loses more than this.
_CLIPPED_SHARE: Final = 0.005
_CLIPPED_LEVEL: Final = 0.985
# Training hears noise down to 0 dB; a voiceprint should be better than the worst probe.
NOISY_SNR_DB: Final = 10.0
# Speech from 4.2 kHz up against that below 3.8 kHz. Wide-band speech is at -10 to -40 dB, telephone
# speech that was resampled lies at the resampler's noise, below -80 dB.
NARROW_BAND_DB: Final = -55.0
# Share of a new hop in the running means: they follow within about a second.
_NEW_SHARE: Final = 0.1
# Hops of speech before the spectrum is judged: vowels alone have little above 4 kHz.
_SPECTRUM_HOPS: Final = 10
_SILENCE_POWER: Final = 1e-12  # -120 dBFS, digital silence


class AudioProblem(StrEnum):
    """Why speech does not count towards an enrollment; each value is what to tell the speaker."""

    TOO_QUIET = "too quiet: come closer or raise the input level"
    CLIPPED = "clipped: lower the input level or step back"
    NOISY = "noisy: find a quieter place"
    NARROW_BAND = (
        "narrow band: nothing above 4 kHz; use another microphone or a wide-band connection"
    )
    SECOND_VOICE = "second voice: only one person may speak"


class AudioQuality:
    """Running levels of one stream.

    Attributes:
        num_clipped: hops of which too many samples were at full scale.
    """

    def __init__(self, *, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._speech_power: float | None = None
        self._noise_power: float | None = None
        self._band_powers: npt.NDArray[np.float64] = np.zeros(2)  # below 3.8, above 4.2 kHz
        self._num_speech_hops = 0
        self._hop_power = _SILENCE_POWER
        self._hop_is_clipped = False

    @property
    def level_dbfs(self) -> float:
        """Of the last hop."""
        return _decibels(self._hop_power)

    @property
    def speech_dbfs(self) -> float | None:
        """Of the speech; None before any."""
        return None if self._speech_power is None else _decibels(self._speech_power)

    @property
    def snr_db(self) -> float | None:
        """Speech against what is heard between it; None before both were heard."""
        if self._speech_power is None or self._noise_power is None:
            return None
        speech = max(self._speech_power - self._noise_power, _SILENCE_POWER)
        return _decibels(speech) - _decibels(self._noise_power)

    @property
    def high_band_db(self) -> float | None:
        """Speech above 4.2 kHz against that below 3.8 kHz; None before a second of it."""
        if self._num_speech_hops < _SPECTRUM_HOPS:
            return None
        low, high = self._band_powers.tolist()
        return _decibels(high + _SILENCE_POWER) - _decibels(low + _SILENCE_POWER)

    def hear(self, samples: Waveform) -> None:
        """Measure a hop, before it is known whether it is speech."""
        self._hop_power = max(float(np.mean(np.square(samples))), _SILENCE_POWER)
        is_cut = np.abs(samples) >= _CLIPPED_LEVEL
        self._hop_is_clipped = float(np.mean(is_cut)) > _CLIPPED_SHARE

    def take(self, samples: Waveform, *, is_speech: bool) -> None:
        """Count the hop that was heard last as speech or as noise."""
        if not is_speech:
            self._noise_power = _smoothed(self._noise_power, self._hop_power)
            return
        self._speech_power = _smoothed(self._speech_power, self._hop_power)
        spectrum = np.square(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))))
        hz_per_bin = self._sample_rate_hz / len(samples)
        low, high = round(3800 / hz_per_bin), round(4200 / hz_per_bin)
        self._band_powers += (spectrum[:low].sum(), spectrum[high:].sum())
        self._num_speech_hops += 1

    def problem(self) -> AudioProblem | None:
        """What is wrong with the hop that was heard last, or with the speech so far."""
        if self._hop_is_clipped:
            return AudioProblem.CLIPPED
        speech_power = self._speech_power or self._hop_power
        if _decibels(max(speech_power, self._hop_power)) < QUIET_DBFS:
            return AudioProblem.TOO_QUIET
        if self.snr_db is not None and self.snr_db < NOISY_SNR_DB:
            return AudioProblem.NOISY
        if self.high_band_db is not None and self.high_band_db < NARROW_BAND_DB:
            return AudioProblem.NARROW_BAND
        return None


def _smoothed(mean: float | None, new: float) -> float:
    return new if mean is None else (1 - _NEW_SHARE) * mean + _NEW_SHARE * new


def _decibels(power: float) -> float:
    return 10 * math.log10(power)
