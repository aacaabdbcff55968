"""Conversion of chunks of any rate, type and number of channels to mono float32 at 16 kHz."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.audio.downmix import Downmix
from speakersdk.audio.samples import (
    INT16_PEAK,
    SAMPLE_RATE_HZ,
    Samples,
    as_array,
    check_int32_peak,
    check_rate,
    check_samples,
    int32_peak,
)
from speakersdk.errors import ConfigError, InvalidAudioError
from speakersdk.text import counted

# int32 samples below this may be the noise of a converter and are not judged.
_INT32_NOISE = 2**10


class StreamResampler:
    """A resampler of chunks of one rate, whose result equals `as_waveform` of the whole.

    The samples do not depend on the chunk boundaries. The filter looks ahead: until `finish`, the
    output lags a few ms behind the input.
    """

    def __init__(self) -> None:
        self._sample_rate_hz: float | None = None
        self._num_channels: int | None = None
        self._downmix = Downmix()
        self._stream: Any = None
        self._int32_peak = 0

    def push(self, samples: Samples, *, sample_rate_hz: float) -> Waveform:
        """Take the next samples, as for `as_waveform`, and return the completed output.

        Raises:
            AudioError: not audio.
            ConfigError: not a sample rate, or not the same as before.
        """
        array = self.check(samples, sample_rate_hz=sample_rate_hz)
        self._int32_peak = max(self._int32_peak, int32_peak(array))
        return self.take(array, sample_rate_hz=sample_rate_hz)

    def check(self, samples: Samples, *, sample_rate_hz: float) -> npt.NDArray[Any]:
        """Check samples as `push` does, without taking them, and return them as an array."""
        if self._sample_rate_hz is None:
            check_rate(sample_rate_hz)
        elif sample_rate_hz != self._sample_rate_hz:
            check_rate(sample_rate_hz)
            raise ConfigError(
                f"expected {self._sample_rate_hz:g} Hz as before, got {sample_rate_hz:g} Hz; "
                "start another stream for another rate"
            )
        array = as_array(samples)
        # Unlike a recording, a chunk may be empty or have fewer samples than channels.
        if array.ndim not in (1, 2) or len(array):
            check_samples(array, is_chunk=True)
            self._check_int32(array)
            self._check_channels(array)
        return array

    def take(self, samples: npt.NDArray[Any], *, sample_rate_hz: float) -> Waveform:
        """Take samples that were already checked."""
        if self._sample_rate_hz is None:
            self._sample_rate_hz = sample_rate_hz
            if sample_rate_hz != SAMPLE_RATE_HZ:
                import soxr

                self._stream = soxr.ResampleStream(
                    sample_rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ"
                )
        if len(samples) == 0:
            return np.zeros(0, np.float32)
        self._num_channels = _num_channels(samples)
        return self._resample(self._downmix.push(samples), is_last=False)

    def finish(self) -> Waveform:
        """Return the remaining output of the filter."""
        return self._resample(self._downmix.finish(), is_last=True)

    def _resample(self, mono: Waveform, *, is_last: bool) -> Waveform:
        if self._stream is None:
            return mono
        resampled: Waveform = self._stream.resample_chunk(mono, last=is_last)
        return resampled

    def _check_int32(self, samples: npt.NDArray[Any]) -> None:
        # A peak below 16 bits means 16-bit values, unless the chunk is merely quiet.
        peak = max(self._int32_peak, int32_peak(samples))
        if _INT32_NOISE < peak <= INT16_PEAK:
            check_int32_peak(peak)

    def _check_channels(self, samples: npt.NDArray[Any]) -> None:
        num = _num_channels(samples)
        if self._num_channels is not None and self._num_channels != num:
            raise InvalidAudioError(
                f"expected chunks of {counted(self._num_channels, 'channel')} as before, got "
                f"{num} (shape {samples.shape}); start another stream for another number"
            )


def _num_channels(samples: npt.NDArray[Any]) -> int:
    return samples.shape[1] if samples.ndim == 2 else 1
