"""Meters that show whether audio is good enough to enroll: level, clipping, noise, bandwidth.

Live audio and recordings use the same hops, measures and limits. For live audio the measures follow
the last second; for a recording they cover all of it. Levels are root mean squares in dBFS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arguments import checked
from speakersdk.arrays import Waveform, whole_rows
from speakersdk.audio.clipping import Ceiling, are_within
from speakersdk.errors import ConfigError

# Speech at arm's length from a laptop has about -35 dBFS. Below -50 dBFS it approaches the noise of
# cheap converters, and a rejection depends more on the level than on the voice. Of 149 probes (3 s)
# by the enrolled speaker, 4 % are rejected at -20 dBFS, 13 % at -50 dBFS, and 27 % of those with
# enough speech at -60 dBFS.
QUIET_DBFS: Final = -50.0
# If a larger share of the samples of speech lies at full scale, a rejection depends more on the
# clipping than on the voice. Measured on 225 probes of 3 s by 25 enrolled speakers (8 s), amplified
# from a peak at full scale by 0 to 40 dB and clipped there: the threshold is missed by 36 % of the
# probes with a share of 30 to 35 %, and by 59 % of those with 35 to 40 %. If they were clipped at
# 48 kHz, by 52 and 67 %, and with MP3 by 53 and 68 %.
OVERDRIVEN_SHARE: Final = 0.35
# Resamplers and codecs smooth clipped samples by up to a tenth. Of the samples of speech that was
# amplified by 5 to 15 dB without clipping, at most 8 % lie there.
_FULL_SCALE: Final = (0.9, 1.1)
# A clipped hop has at least this share of clipped samples; a clipped vowel has more.
_CLIPPED_SHARE: Final = 0.005
# Share of the hops of speech in a recording; a cough or a knock may clip.
CLIPPED_HOPS_SHARE: Final = 0.05
# Training uses noise down to 0 dB; a voiceprint should be better than the worst probe.
NOISY_SNR_DB: Final = 10.0
# Speech that is no louder than the noise has this ratio, because its own power is not known.
_LEAST_SNR_DB: Final = -20.0
# Power above 4.2 kHz relative to that below 3.8 kHz. Wide-band speech has -10 to -40 dB. Resampled
# telephone speech contains only the noise of the resampler there, below -80 dB.
NARROW_BAND_DB: Final = -55.0
# Memory of live means in hops: they follow within about a second.
LIVE_MEMORY_HOPS: Final = 10
# Standard deviation of the levels of hops of speech. In 967 recordings of 3 to 12 s by development
# speakers the minimum is 2.4 dB; a dial tone, a hum or a sawtooth has less than 0.1 dB.
STEADY_DB: Final = 1.0
# Share of the speech that lies in hops with speech only. Syllables are longer than a hop of 0.1 s,
# while modems, sirens and Morse code resemble speech for single frames. Measured by
# `python -m benchmarks.accuracy.signals`: 1,536 recordings of people with a voice have 0.48 or
# more, and 291 of 293 simulated whispers 0.15. Of 37 signals that pass all other checks, 34 have
# less; the others are modems whose level goes up and down like that of syllables.
SCATTERED_SHARE: Final = 0.15
_SCATTERED_HOPS: Final = 8  # as much speech as an enrollment needs
# Hops of speech before the spectrum is judged, because vowels have little power above 4 kHz.
_SPECTRUM_HOPS: Final = 10
_SILENCE_POWER: Final = 1e-12  # -120 dBFS, digital silence


@checked
class AudioProblem(StrEnum):
    """Reasons why speech does not count for an enrollment, as messages to the speaker."""

    TOO_QUIET = "too quiet: come closer or raise the input level"
    CLIPPED = "clipped: lower the input level or step back"
    NOISY = "noisy: find a quieter place"
    NARROW_BAND = (
        "narrow band: nothing above 4 kHz; use another microphone or a wide-band connection"
    )
    STEADY = "steady: a tone or hum, not speech; speak, or turn off its source"
    SCATTERED = "scattered: signals or noise, not syllables; speak, or turn off their source"
    SECOND_VOICE = "second voice: only one person may speak"
    UNLIKE_OTHERS = "unlike the other recordings: enroll one person at a time"

    @property
    def key(self) -> str:
        """The name of the problem on command lines and in JSON, such as ``narrow-band``."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def of(cls, key: str) -> AudioProblem:
        """Return the problem with a key, or the given problem.

        Raises:
            ConfigError: no problem has that key.
        """
        found = next((problem for problem in cls if key in (problem, problem.key)), None)
        if found is None:
            keys = ", ".join(problem.key for problem in cls)
            raise ConfigError(f"expected a problem among {keys}, got {key!r}")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioLevels:
    """Measurements of audio; each is None if there was too little audio to measure it.

    Attributes:
        speech_dbfs: level of the speech.
        snr_db: ratio of speech to the noise between it.
        high_band_db: power of speech above 4.2 kHz relative to that below 3.8 kHz.
        clipped_share: share of the hops of speech that are clipped, 0 to 1.
        variation_db: standard deviation of the levels of the hops of speech.
        whole_share: share of the speech that lies in hops with speech only, 0 to 1.
    """

    speech_dbfs: float | None
    snr_db: float | None
    high_band_db: float | None
    clipped_share: float | None
    variation_db: float | None = None
    whole_share: float | None = None

    def problems(self) -> tuple[AudioProblem, ...]:
        """Return the problems, the worst first.

        Clipped speech is not reported as noisy, because clipping lowers its level and not that of
        the noise.
        """
        is_clipped = (self.clipped_share or 0.0) > CLIPPED_HOPS_SHARE
        checks = {
            AudioProblem.STEADY: _is_below(self.variation_db, STEADY_DB),
            AudioProblem.SCATTERED: _is_below(self.whole_share, SCATTERED_SHARE),
            AudioProblem.CLIPPED: is_clipped,
            AudioProblem.TOO_QUIET: _is_below(self.speech_dbfs, QUIET_DBFS),
            AudioProblem.NOISY: not is_clipped and _is_below(self.snr_db, NOISY_SNR_DB),
            AudioProblem.NARROW_BAND: _is_below(self.high_band_db, NARROW_BAND_DB),
        }
        return tuple(problem for problem, is_found in checks.items() if is_found)


class QualityMeter:
    """A meter of all that `AudioLevels` contains, for the hops of a stream or of a recording.

    Args:
        sample_rate_hz: sample rate.
        memory_hops: number of hops that the means remember; None means all.
    """

    def __init__(self, *, sample_rate_hz: int, memory_hops: int | None = LIVE_MEMORY_HOPS) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._speech = _MeanPower(memory_hops)
        self._noise = _MeanPower(memory_hops)
        self._band_powers: npt.NDArray[np.float64] = np.zeros(2)  # below 3.8, above 4.2 kHz
        self._num_speech_hops = 0
        self._speech_hops = 0.0  # with the shares of hops that contain some speech
        self._num_clipped_hops = 0
        self._levels = _Spread()
        self._hop_power = _SILENCE_POWER
        self._ceiling = Ceiling()
        self._hop_is_clipped = False

    @property
    def level_dbfs(self) -> float:
        """Level of the last hop in dBFS."""
        return _decibels(self._hop_power)

    @property
    def speech_dbfs(self) -> float | None:
        """Level of the speech in dBFS; None before the first speech."""
        return None if self._speech.value is None else _decibels(self._speech.value)

    @property
    def snr_db(self) -> float | None:
        """Ratio of speech to noise, -20 or more; None until there was both."""
        if self._speech.value is None or self._noise.value is None:
            return None
        speech = max(self._speech.value - self._noise.value, _SILENCE_POWER)
        return max(_decibels(speech) - _decibels(self._noise.value), _LEAST_SNR_DB)

    @property
    def high_band_db(self) -> float | None:
        """Speech above 4.2 kHz relative to that below 3.8 kHz; None below 1 s of speech."""
        if self._num_speech_hops < _SPECTRUM_HOPS:
            return None
        low, high = self._band_powers.tolist()
        return _decibels(high + _SILENCE_POWER) - _decibels(low + _SILENCE_POWER)

    @property
    def variation_db(self) -> float | None:
        """Standard deviation of the levels of all speech; None below 1 s of speech."""
        return self._levels.deviation

    @property
    def whole_share(self) -> float | None:
        """Share of all speech in hops with speech only; None for less than 0.8 s of speech."""
        if self._speech_hops < _SCATTERED_HOPS:
            return None
        return self._num_speech_hops / self._speech_hops

    @property
    def levels(self) -> AudioLevels:
        """The levels of all hops, as far back as the means reach."""
        return AudioLevels(
            speech_dbfs=self.speech_dbfs,
            snr_db=self.snr_db,
            high_band_db=self.high_band_db,
            variation_db=self.variation_db,
            whole_share=self.whole_share,
            clipped_share=(
                self._num_clipped_hops / self._num_speech_hops if self._num_speech_hops else None
            ),
        )

    def measure(self, samples: Waveform) -> None:
        """Measure the next hop, before it is known whether it is speech."""
        # The variance excludes a constant offset of the converter.
        self._hop_power = max(float(np.var(samples)), _SILENCE_POWER)
        self._hop_is_clipped = self._ceiling.cut_share(samples) > _CLIPPED_SHARE

    def take(self, samples: Waveform, *, speech_share: float) -> None:
        """Count the hop that was measured last as speech or as noise.

        A hop with only some speech would bias the levels of both, and is neither.

        Args:
            samples: (hop,) float32.
            speech_share: share of its frames that are speech, 0 to 1.
        """
        self._speech_hops += speech_share
        if speech_share == 0:
            self._noise.take(self._hop_power)
        if speech_share < 1:
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
        """Return the worst problem of the last hop and the speech so far; None if there is none."""
        speech_power = self._speech.value or self._hop_power
        now = AudioLevels(
            speech_dbfs=_decibels(max(speech_power, self._hop_power)),
            snr_db=self.snr_db,
            high_band_db=self.high_band_db,
            variation_db=self.variation_db,
            whole_share=self.whole_share,
            clipped_share=float(self._hop_is_clipped),
        )
        return next(iter(now.problems()), None)


class SpeechMeter:
    """A meter of the speech only, for frames that are already classified as speech or not.

    A constant offset of the converter is excluded from levels, but not from samples at full scale.

    Args:
        hop_frames: number of frames per hop.
    """

    def __init__(self, *, hop_frames: int) -> None:
        self._hop_frames = hop_frames
        self._energy = 0.0
        self._num_samples = 0
        self._num_clipped = 0
        self._levels = _Spread()

    @property
    def dbfs(self) -> float | None:
        """Level of all speech so far in dBFS; None before the first speech."""
        if not self._num_samples:
            return None
        return _decibels(max(self._energy / self._num_samples, _SILENCE_POWER))

    @property
    def clipped_share(self) -> float | None:
        """Share of the samples of speech that lie at full scale; None before the first speech."""
        return self._num_clipped / self._num_samples if self._num_samples else None

    @property
    def variation_db(self) -> float | None:
        """Standard deviation of the levels of complete hops of speech; None below 1 s of them."""
        return self._levels.deviation

    def take(self, samples: Waveform, is_speech: npt.NDArray[np.bool_]) -> None:
        """Take the next frames.

        Args:
            samples: (k * hop,) float32, the newest hop of each of k frames.
            is_speech: (k,) bool, whether each frame is speech.
        """
        if not is_speech.any():
            return
        energies = np.square(samples - samples.mean(), dtype=np.float64)
        energies = energies.reshape(len(is_speech), -1).sum(axis=1)
        frame_samples = len(samples) // len(is_speech)
        self._energy += float(energies[is_speech].sum())
        self._num_samples += frame_samples * int(is_speech.sum())
        spoken = samples.reshape(len(is_speech), -1)[is_speech]
        self._num_clipped += int(np.count_nonzero(are_within(_FULL_SCALE, np.abs(spoken))))
        is_whole = whole_rows(is_speech, self._hop_frames).all(axis=1)
        powers = whole_rows(energies, self._hop_frames).sum(axis=1)[is_whole]
        for power in powers.tolist():
            mean = power / (self._hop_frames * frame_samples)
            self._levels.take(_decibels(max(mean, _SILENCE_POWER)))


class _Spread:
    """A running standard deviation (B. P. Welford, Technometrics 1962)."""

    def __init__(self) -> None:
        self._num_values = 0
        self._mean = 0.0
        self._squares = 0.0  # sum of the squared differences from the mean

    @property
    def deviation(self) -> float | None:
        """The standard deviation of all values; None below 1 s of hops."""
        if self._num_values < _SPECTRUM_HOPS:
            return None
        return math.sqrt(self._squares / self._num_values)

    def take(self, value: float) -> None:
        self._num_values += 1
        difference = value - self._mean
        self._mean += difference / self._num_values
        self._squares += difference * (value - self._mean)


class _MeanPower:
    """A running mean in which values older than its memory fade."""

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
