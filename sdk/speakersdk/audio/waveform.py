"""From a recording to the waveform that every model takes: mono, float32, 16 kHz, full scale +-1.

    file or array -> checks -> mean of the channels -> band-limited resampling -> Waveform

Only this module knows soundfile and soxr.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.errors import (
    AudioTooShortError,
    ConfigError,
    InvalidAudioError,
    UnreadableAudioError,
)

if TYPE_CHECKING:
    import soundfile

SAMPLE_RATE_HZ: Final = 16000

# Rates between a very old telephone recorder's and the fastest converters'; anything else is a
# number that is not a rate.
_RATE_RANGE_HZ = (4000.0, 768000.0)
# Sample type -> (value of silence, value of full scale).
_SCALES: Final = {
    np.dtype(np.uint8): (128.0, 128.0),
    np.dtype(np.int16): (0.0, 2.0**15),
    np.dtype(np.int32): (0.0, 2.0**31),
    np.dtype(np.float32): (0.0, 1.0),
    np.dtype(np.float64): (0.0, 1.0),
}
# Float samples may pass full scale: decoders of lossy formats overshoot, 32-bit float recorders
# keep peaks. They are kept as they are up to 24 dB above it. Integers that were cast to float
# without scaling lie beyond that limit unless they are quieter than 16 / 32768 = -66 dBFS.
_FLOAT_LIMIT = 16.0
# Longer than any recording of one speaker; a header that announces more is corrupt, or a stream's
# that says "unknown".
_MAXIMUM_S = 24 * 3600
# libsndfile shortens a file whose data end early, and tells so only in its log: announced and
# present bytes of the audio chunk. RIFF's own size is left out, for many writers get it wrong.
_SHORTENED = re.compile(
    r"^\s*(?:data|SSND|Data Size|riff|Riff size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE
)
# Programs that write WAV to a pipe announce about 2 or 4 GiB, meaning "unknown".
_UNKNOWN_BYTES = 0x7FFF_0000


def read_audio(path: str | os.PathLike[str]) -> Waveform:
    """Read a recording: WAV, FLAC, Ogg Vorbis, Opus, MP3, AIFF and what else libsndfile decodes.

    Any rate, number of channels and sample format; channels are mixed down by their mean. A file
    that ends before its header says is refused where the format can tell: WAV, AIFF, AU, CAF, W64,
    RF64, FLAC and MP3.

    Returns:
        (num_samples,) float32, mono, full scale +-1, at `SAMPLE_RATE_HZ`.

    Raises:
        UnreadableAudioError: missing, empty, corrupt or truncated file, or one without a header.
        InvalidAudioError: no samples, NaN or infinite samples, or samples far beyond +-1.
        AudioTooShortError: less than one sample at 16 kHz.
    """
    import soundfile

    path = Path(path)
    _check_file(path)
    try:
        with soundfile.SoundFile(path) as file:
            samples = _decode(file, path)
            sample_rate_hz = file.samplerate
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip().rstrip(".")
        raise UnreadableAudioError(str(path), reason) from error
    try:
        return as_waveform(samples, sample_rate_hz=sample_rate_hz)
    except InvalidAudioError as error:
        raise InvalidAudioError(f"{path}: {error}") from error


def as_waveform(samples: npt.NDArray[Any], *, sample_rate_hz: float) -> Waveform:
    """Turn an array into a waveform; the input is never changed.

    Args:
        samples: (num_samples,) or (num_samples, channels). int16 and int32 span their whole range,
            uint8 is offset binary (128 is silence), float32 and float64 have full scale +-1.
            Floats beyond +-1 are kept as they are up to +-16 and refused above. Channels are mixed
            down by their mean.
        sample_rate_hz: rate at which the samples were recorded.

    Returns:
        (num_samples * 16000 / sample_rate_hz,) float32, mono, at `SAMPLE_RATE_HZ`; resampling is
        band-limited (soxr HQ), so nothing above 8 kHz folds back.

    Raises:
        ConfigError: `sample_rate_hz` is not a rate between 4 and 768 kHz.
        InvalidAudioError: wrong rank or sample type, no samples, NaN or infinite samples, or float
            samples beyond +-16.
        AudioTooShortError: less than one sample at 16 kHz.
    """
    _check_rate(sample_rate_hz)
    samples = np.asarray(samples)
    _check_samples(samples)
    waveform = _mono(samples)
    if sample_rate_hz != SAMPLE_RATE_HZ:
        import soxr

        waveform = soxr.resample(waveform, sample_rate_hz, SAMPLE_RATE_HZ, quality="HQ")
    if waveform.size == 0:
        raise AudioTooShortError(needed_s=1 / SAMPLE_RATE_HZ, got_s=len(samples) / sample_rate_hz)
    return waveform


class StreamResampler:
    """Chunks of any length at one rate -> the waveform that `as_waveform` makes of the whole.

    The filter looks ahead: a few ms of output lag behind the input until `finish`.
    """

    def __init__(self) -> None:
        self._sample_rate_hz: float | None = None
        self._stream: Any = None

    def push(self, samples: npt.NDArray[Any], *, sample_rate_hz: float) -> Waveform:
        """The next samples, as `as_waveform` takes them, or none; what they complete.

        Raises:
            AudioError: not audio.
            ConfigError: not a rate, or another one than before.
        """
        self.check(samples, sample_rate_hz=sample_rate_hz)
        if self._sample_rate_hz is None:
            self._sample_rate_hz = sample_rate_hz
            if sample_rate_hz != SAMPLE_RATE_HZ:
                import soxr

                self._stream = soxr.ResampleStream(
                    sample_rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ"
                )
        if len(samples) == 0:
            return np.zeros(0, np.float32)
        waveform = _mono(np.asarray(samples))
        return waveform if self._stream is None else self._resample(waveform, last=False)

    def check(self, samples: npt.NDArray[Any], *, sample_rate_hz: float) -> None:
        """Raise what `push` would, and take nothing."""
        if self._sample_rate_hz is None:
            _check_rate(sample_rate_hz)
        elif sample_rate_hz != self._sample_rate_hz:
            raise ConfigError(
                f"expected {self._sample_rate_hz:g} Hz as before, got {sample_rate_hz:g} Hz; "
                "start another stream for another rate"
            )
        samples = np.asarray(samples)
        # A chunk may be empty, and shorter than it has channels; a recording may not.
        if samples.ndim not in (1, 2) or len(samples):
            _check_samples(samples, is_chunk=True)

    def finish(self) -> Waveform:
        """What the filter still holds."""
        if self._stream is None:
            return np.zeros(0, np.float32)
        return self._resample(np.zeros(0, np.float32), last=True)

    def _resample(self, samples: Waveform, *, last: bool) -> Waveform:
        resampled: Waveform = self._stream.resample_chunk(samples, last=last)
        return resampled


def _check_rate(sample_rate_hz: float) -> None:
    low_hz, high_hz = _RATE_RANGE_HZ
    if not low_hz <= sample_rate_hz <= high_hz:
        raise ConfigError(
            f"expected sample_rate_hz between {low_hz:g} and {high_hz:g}, got {sample_rate_hz!r}"
        )


def _mono(samples: npt.NDArray[Any]) -> Waveform:
    """Checked samples of any type and number of channels -> (n,) float32 in +-1."""
    silence, full_scale = _SCALES[samples.dtype.newbyteorder("=")]
    # float64 until the last step: int32 has more digits than float32.
    mono = samples.mean(axis=1, dtype=np.float64) if samples.ndim == 2 else samples
    waveform: Waveform = ((mono - silence) / full_scale).astype(np.float32)
    return waveform


def _check_file(path: Path) -> None:
    """Say what is wrong with a path before libsndfile says "System error"."""
    try:
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except OSError as error:
        raise UnreadableAudioError(str(path), error.strerror or str(error)) from error
    if is_empty:
        raise UnreadableAudioError(str(path), "the file is empty")
    if path.suffix.lower() == ".raw":
        raise UnreadableAudioError(
            str(path), "raw samples have no header; pass them as an array with sample_rate_hz"
        )


def _decode(file: soundfile.SoundFile, path: Path) -> npt.NDArray[np.float32]:
    """(num_samples, channels) float32 of a complete file."""
    announced = file.frames
    if announced > _MAXIMUM_S * file.samplerate:
        raise UnreadableAudioError(
            str(path), "its header does not say how long it is, or says more than 24 h"
        )
    for announced_bytes, present_bytes in _SHORTENED.findall(file.extra_info):
        if int(present_bytes) < int(announced_bytes) < _UNKNOWN_BYTES:
            raise UnreadableAudioError(
                str(path),
                f"truncated: {announced_bytes} bytes announced, {present_bytes} present",
            )
    samples: npt.NDArray[np.float32] = file.read(dtype="float32", always_2d=True)
    if len(samples) < announced:
        raise UnreadableAudioError(
            str(path), f"truncated: {announced} samples announced, {len(samples)} decoded"
        )
    return samples


def _check_samples(samples: npt.NDArray[Any], *, is_chunk: bool = False) -> None:
    if samples.dtype.newbyteorder("=") not in _SCALES:
        known = ", ".join(str(dtype) for dtype in _SCALES)
        raise InvalidAudioError(f"expected samples of type {known}, got {samples.dtype}")
    if samples.ndim not in (1, 2):
        raise InvalidAudioError(
            f"expected samples of shape (n,) or (n, channels), got {samples.shape}"
        )
    if samples.size == 0:
        raise InvalidAudioError(f"expected at least one sample, got shape {samples.shape}")
    if samples.ndim == 2 and samples.shape[1] > samples.shape[0] and not is_chunk:
        raise InvalidAudioError(
            f"expected samples of shape (n, channels), got {samples.shape}, more channels than "
            "samples; pass samples.T if channels come first"
        )
    if samples.dtype.kind != "f":
        return
    # min and max pass a NaN on; it then fails every comparison.
    low, high = float(samples.min()), float(samples.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        num_bad = np.count_nonzero(~np.isfinite(samples))
        raise InvalidAudioError(
            f"expected finite samples, got {num_bad} of {samples.size} NaN or infinite"
        )
    if max(-low, high) > _FLOAT_LIMIT:
        raise InvalidAudioError(
            f"expected float samples with full scale +-1, got {low:g} to {high:g}; "
            "integers cast to float must be divided by their full scale (32768 for 16 bits)"
        )
