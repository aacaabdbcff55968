"""Whether audio is good enough to enroll from: level, clipping, noise, bandwidth.

One definition for live audio and for recordings: the same hops, the same measures and the same
limits. Live, the measures follow the last second; of a recording they are those of the whole.
Levels are root mean squares in dB of full scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.errors import ConfigError

# Speech at arm's length from a laptop is around -35 dBFS; below -50 the noise of cheap converters
# is near.
QUIET_DBFS: Final = -50.0
# Of the samples of a hop: the waveform of a vowel that is cut off loses more than this.
_CLIPPED_SHARE: Final = 0.005
_CLIPPED_LEVEL: Final = 0.985
# What was cut off and turned down afterwards lies at the highest level heard and at the lowest.
# Below the second value there is no telling: the steps of 16 bits are as large.
_FLAT_LEVEL: Final = 0.998
_FLAT_PEAK: Final = 0.01
# Samples pass full scale in floats that were never cut off, and where a resampler or a lossy codec
# smoothed what was. After a cut, most of the samples near full scale or above lie at it. Measured
# on the demonstration clips: a share of 0.77 to 1 of them, 0.55 when nearly all is cut off; in
# clips that were amplified 1.2 to 4 times without a cut 0.07 to 0.58, and 0.85 at most where hardly
# any samples pass it.
_OVERSHOOT: Final = 1.02
_NEAR: Final = (0.97, 1.03)
_CUT_SHARE: Final = 0.75
_CUT_SAMPLES: Final = 0.0015  # of the samples of loud hops; fewer tell nothing
_MANY_SHARE: Final = 0.5
_MANY_SAMPLES: Final = 0.1
# Of the hops of speech of a recording; a cough or a knock may clip.
CLIPPED_HOPS_SHARE: Final = 0.05
# Training hears noise down to 0 dB; a voiceprint should be better than the worst probe.
NOISY_SNR_DB: Final = 10.0
# Speech from 4.2 kHz up against that below 3.8 kHz. Wide-band speech is at -10 to -40 dB, telephone
# speech that was resampled lies at the resampler's noise, below -80 dB.
NARROW_BAND_DB: Final = -55.0
# Hops that live means remember: they follow within about a second.
LIVE_MEMORY_HOPS: Final = 10
# Standard deviation of the levels of hops of speech. Of 967 recordings of 3 to 12 s by development
# speakers the steadiest has 2.4 dB; a dial tone, hum or a sawtooth has less than 0.1.
STEADY_DB: Final = 1.0
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
    STEADY = "steady: a tone or hum, not speech; speak, or remove what hums"
    SECOND_VOICE = "second voice: only one person may speak"
    UNLIKE_OTHERS = "unlike the other recordings: enroll one person at a time"

    @property
    def key(self) -> str:
        """Its name on command lines and in JSON, such as ``narrow-band``."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def of(cls, key: str) -> AudioProblem:
        """The problem of a key, or itself.

        Raises:
            ConfigError: there is none.
        """
        found = next((problem for problem in cls if key in (problem, problem.key)), None)
        if found is None:
            keys = ", ".join(problem.key for problem in cls)
            raise ConfigError(f"expected a problem among {keys}, got {key!r}")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioLevels:
    """What is measured of audio; None where too little was heard to measure it.

    Attributes:
        speech_dbfs: level of the speech.
        snr_db: speech against what is heard between it.
        high_band_db: speech above 4.2 kHz against that below 3.8 kHz.
        clipped_share: share of the hops of speech that are clipped, 0 to 1.
        variation_db: standard deviation of the levels of the hops of speech.
    """

    speech_dbfs: float | None
    snr_db: float | None
    high_band_db: float | None
    clipped_share: float | None
    variation_db: float | None = None

    def problems(self) -> tuple[AudioProblem, ...]:
        """What is wrong, the worst first.

        Clipping lowers the speech and not the noise, so clipped speech is not called noisy too.
        """
        is_clipped = (self.clipped_share or 0.0) > CLIPPED_HOPS_SHARE
        checks = {
            AudioProblem.STEADY: _is_below(self.variation_db, STEADY_DB),
            AudioProblem.CLIPPED: is_clipped,
            AudioProblem.TOO_QUIET: _is_below(self.speech_dbfs, QUIET_DBFS),
            AudioProblem.NOISY: not is_clipped and _is_below(self.snr_db, NOISY_SNR_DB),
            AudioProblem.NARROW_BAND: _is_below(self.high_band_db, NARROW_BAND_DB),
        }
        return tuple(problem for problem, is_found in checks.items() if is_found)


class AudioQuality:
    """Measures hops, of a stream or of a recording.

    Args:
        sample_rate_hz: of the samples.
        memory_hops: hops that the means remember; None = all.
    """

    def __init__(self, *, sample_rate_hz: int, memory_hops: int | None = LIVE_MEMORY_HOPS) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._speech = _MeanPower(memory_hops)
        self._noise = _MeanPower(memory_hops)
        self._band_powers: npt.NDArray[np.float64] = np.zeros(2)  # below 3.8, above 4.2 kHz
        self._num_speech_hops = 0
        self._num_clipped_hops = 0
        self._levels = _Spread()
        self._hop_power = _SILENCE_POWER
        self._ceiling = _Ceiling()
        self._hop_is_clipped = False

    @property
    def level_dbfs(self) -> float:
        """Level of the last hop in dBFS."""
        return _decibels(self._hop_power)

    @property
    def speech_dbfs(self) -> float | None:
        """Level of the speech in dBFS; None before there is any."""
        return None if self._speech.value is None else _decibels(self._speech.value)

    @property
    def snr_db(self) -> float | None:
        """Speech against what is heard between it; None before both were heard."""
        if self._speech.value is None or self._noise.value is None:
            return None
        speech = max(self._speech.value - self._noise.value, _SILENCE_POWER)
        return _decibels(speech) - _decibels(self._noise.value)

    @property
    def high_band_db(self) -> float | None:
        """Speech above 4.2 kHz against that below 3.8 kHz; None before a second of it."""
        if self._num_speech_hops < _SPECTRUM_HOPS:
            return None
        low, high = self._band_powers.tolist()
        return _decibels(high + _SILENCE_POWER) - _decibels(low + _SILENCE_POWER)

    @property
    def variation_db(self) -> float | None:
        """Standard deviation of the levels of all speech; None before a second of it."""
        return self._levels.deviation

    @property
    def levels(self) -> AudioLevels:
        """Of all hops taken, as far as the means remember."""
        return AudioLevels(
            speech_dbfs=self.speech_dbfs,
            snr_db=self.snr_db,
            high_band_db=self.high_band_db,
            variation_db=self.variation_db,
            clipped_share=(
                self._num_clipped_hops / self._num_speech_hops if self._num_speech_hops else None
            ),
        )

    def hear(self, samples: Waveform) -> None:
        """Measure a hop, before it is known whether it is speech."""
        # A constant offset of the converter is neither speech nor noise.
        self._hop_power = max(float(np.var(samples)), _SILENCE_POWER)
        self._hop_is_clipped = self._ceiling.cut_share(samples) > _CLIPPED_SHARE

    def take(self, samples: Waveform, *, is_speech: bool) -> None:
        """Count the hop that was heard last as speech or as noise."""
        if not is_speech:
            self._noise.take(self._hop_power)
            return
        self._speech.take(self._hop_power)
        spectrum = np.square(
            np.abs(np.fft.rfft((samples - samples.mean()) * np.hanning(len(samples))))
        )
        hz_per_bin = self._sample_rate_hz / len(samples)
        low, high = round(3800 / hz_per_bin), round(4200 / hz_per_bin)
        self._band_powers += (spectrum[:low].sum(), spectrum[high:].sum())
        self._levels.take(_decibels(self._hop_power))
        self._num_speech_hops += 1
        self._num_clipped_hops += self._hop_is_clipped

    def problem(self) -> AudioProblem | None:
        """What is wrong with the hop that was heard last, or with the speech so far."""
        speech_power = self._speech.value or self._hop_power
        now = AudioLevels(
            speech_dbfs=_decibels(max(speech_power, self._hop_power)),
            snr_db=self.snr_db,
            high_band_db=self.high_band_db,
            variation_db=self.variation_db,
            clipped_share=float(self._hop_is_clipped),
        )
        return next(iter(now.problems()), None)


class _Ceiling:
    """The levels at which samples are cut off, if they are."""

    def __init__(self) -> None:
        self._high, self._low = -math.inf, math.inf  # of all samples heard
        self._num_samples = 0  # of loud hops
        self._num_near = 0  # at full scale
        self._num_above = 0  # there or above

    def cut_share(self, samples: Waveform) -> float:
        """The share of the samples of the next hop that are cut off."""
        self._high = max(self._high, float(samples.max()))
        self._low = min(self._low, float(samples.min()))
        magnitudes = np.abs(samples)
        self._count(magnitudes)
        is_cut = np.zeros(len(samples), bool)
        if max(self._high, -self._low) <= _OVERSHOOT or self._ends_at_full_scale:
            is_cut |= magnitudes >= _CLIPPED_LEVEL
        span = (self._high - self._low) / 2
        if span >= _FLAT_PEAK:
            margin = (1 - _FLAT_LEVEL) * span
            is_cut |= (samples >= self._high - margin) | (samples <= self._low + margin)
        return float(np.mean(is_cut))

    def _count(self, magnitudes: Waveform) -> None:
        low, high = _NEAR
        if magnitudes.max() < low:
            return
        self._num_samples += len(magnitudes)
        self._num_near += int(np.count_nonzero((magnitudes >= low) & (magnitudes <= high)))
        self._num_above += int(np.count_nonzero(magnitudes >= low))

    @property
    def _ends_at_full_scale(self) -> bool:
        share = self._num_near / max(1, self._num_above)
        samples = self._num_above / max(1, self._num_samples)
        return (share >= _CUT_SHARE and samples >= _CUT_SAMPLES) or (
            share >= _MANY_SHARE and samples >= _MANY_SAMPLES
        )


class SpeechLevel:
    """The level of a recording's speech, from frames of which it is known whether they are speech.

    A constant offset of the converter is left out.

    Args:
        hop_frames: frames of a hop.
    """

    def __init__(self, *, hop_frames: int) -> None:
        self._hop_frames = hop_frames
        self._energy = 0.0
        self._num_samples = 0
        self._levels = _Spread()

    @property
    def dbfs(self) -> float | None:
        """Level of all speech so far in dBFS; None before there is any."""
        if not self._num_samples:
            return None
        return _decibels(max(self._energy / self._num_samples, _SILENCE_POWER))

    @property
    def variation_db(self) -> float | None:
        """Standard deviation of the levels of whole hops; None before a second of them."""
        return self._levels.deviation

    def take(self, samples: Waveform, is_speech: npt.NDArray[np.bool_]) -> None:
        """Take the next frames.

        Args:
            samples: (k * hop,) float32, the newest hop of each of k frames.
            is_speech: (k,) which of the frames are speech.
        """
        if not is_speech.any():
            return
        energies = np.square(samples - samples.mean(), dtype=np.float64)
        energies = energies.reshape(len(is_speech), -1).sum(axis=1)
        frame_samples = len(samples) // len(is_speech)
        self._energy += float(energies[is_speech].sum())
        self._num_samples += frame_samples * int(is_speech.sum())
        num_frames = len(is_speech) // self._hop_frames * self._hop_frames
        is_whole = is_speech[:num_frames].reshape(-1, self._hop_frames).all(axis=1)
        powers = energies[:num_frames].reshape(-1, self._hop_frames).sum(axis=1)[is_whole]
        for power in powers.tolist():
            mean = power / (self._hop_frames * frame_samples)
            self._levels.take(_decibels(max(mean, _SILENCE_POWER)))


class _Spread:
    """The standard deviation of values (B. P. Welford, Technometrics 1962)."""

    def __init__(self) -> None:
        self._num_values = 0
        self._mean = 0.0
        self._squares = 0.0  # of differences from the mean

    @property
    def deviation(self) -> float | None:
        """Of all values; None of less than a second of hops."""
        if self._num_values < _SPECTRUM_HOPS:
            return None
        return math.sqrt(self._squares / self._num_values)

    def take(self, value: float) -> None:
        self._num_values += 1
        difference = value - self._mean
        self._mean += difference / self._num_values
        self._squares += difference * (value - self._mean)


class _MeanPower:
    """A mean that, once it has seen as many values as it remembers, forgets the oldest slowly."""

    def __init__(self, memory: int | None) -> None:
        self._memory = memory
        self._num_values = 0
        self.value: float | None = None

    def take(self, power: float) -> None:
        self._num_values += 1
        share = 1 / min(self._num_values, self._memory or self._num_values)
        self.value = power if self.value is None else (1 - share) * self.value + share * power


def _is_below(value: float | None, limit: float) -> bool:
    return value is not None and value < limit


def _decibels(power: float) -> float:
    return 10 * math.log10(power)
