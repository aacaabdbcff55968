"""Checks of sample arrays, and the full scale of each sample type."""

from __future__ import annotations

import numbers
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from speakersdk.errors import ConfigError, InvalidAudioError

SAMPLE_RATE_HZ: Final = 16000
# Samples per block, summed over channels: 0.5 MB as float64.
BLOCK_SAMPLES: Final = 2**16

# Up to the rate of the fastest converters. Low rates lack the band that distinguishes voices: of an
# enrolled speaker's own probes of 5 s, 41 % are rejected at 5000 Hz and 84 % at 4000 Hz, and 4 % at
# 8000 Hz (`python -m benchmarks.voices.sample_rates`).
RATE_RANGE_HZ: Final = (5000.0, 768000.0)
# Sample type -> (value of silence, value of full scale).
_SCALES: Final = {
    np.dtype(np.uint8): (128.0, 128.0),
    np.dtype(np.int16): (0.0, 2.0**15),
    np.dtype(np.int32): (0.0, 2.0**31),
    np.dtype(np.float32): (0.0, 1.0),
    np.dtype(np.float64): (0.0, 1.0),
}
# Float samples may exceed full scale: lossy decoders overshoot, and 32-bit float recorders keep
# peaks. Up to 24 dB is accepted. Integers cast to float without scaling exceed that limit unless
# they are quieter than 16 / 32768 = -66 dBFS.
_FLOAT_LIMIT: Final = 16.0
# Full scale of 16 bits. 32-bit audio with a lower peak would be at -96 dBFS, below the noise of any
# converter: these are 16-bit values in a wider type.
INT16_PEAK: Final = 2**15
# Full scale of 24 bits, and what those values become where they are at the top of 32 bits:
# multiples of this. Other 32-bit audio with such a peak, -48 dBFS, has no speech that a person or a
# model could hear.
_INT24_PEAK: Final = 2**23
_INT24_STEP: Final = 2**8
# A chunk of a stream may have fewer samples than channels. With more channels than this, it is a
# row of samples (1, n) instead of (n, 1).
_CHUNK_CHANNELS: Final = 8
# Remedies for other types: by NumPy's name, or else by its kind.
_REMEDIES: Final = {
    "int8": "; pass samples.astype(np.int16) * 256",
    "uint16": "; pass (samples.astype(np.int32) - 32768).astype(np.int16)",
    "i": "; pass np.asarray(samples, np.int16) if they are 16-bit values",
    "f": "; pass np.asarray(samples, np.float32)",
    "O": "; pass np.asarray(samples, np.float32) if they are floats of full scale +-1",
    "V": "; pass one of its fields, such as samples['left']",
    "U": "; read a file with speakersdk.read_audio",
}
_BYTE_FORMATS: Final = frozenset("Bbc")


class SupportsArray(Protocol):
    """An object that NumPy converts to an array, such as a torch tensor on the CPU."""

    def __array__(self) -> npt.NDArray[Any]:
        """Return the values as an array."""


Samples = npt.NDArray[Any] | SupportsArray


def check_rate(sample_rate_hz: float) -> None:
    """Raise ConfigError unless this is a plausible sample rate."""
    low_hz, high_hz = RATE_RANGE_HZ
    # Text and None cannot be compared; True would be 1 Hz.
    is_number = isinstance(sample_rate_hz, numbers.Real) and not isinstance(sample_rate_hz, bool)
    if not is_number or not low_hz <= sample_rate_hz <= high_hz:
        raise ConfigError(
            f"expected sample_rate_hz between {low_hz:g} and {high_hz:g}, got {sample_rate_hz!r}"
        )


def as_scalar(value: Any) -> Any:
    """Return a number of NumPy, or a tensor or array without dimensions, as a number of Python."""
    is_scalar = getattr(value, "shape", None) == () and hasattr(value, "item")
    return value.item() if is_scalar else value


def header_rate_problem(sample_rate_hz: int) -> str | None:
    """Describe why a header with this rate is wrong; None if the rate is plausible."""
    low_hz, high_hz = RATE_RANGE_HZ
    if low_hz <= sample_rate_hz <= high_hz:
        return None
    return f"its header gives a rate of {sample_rate_hz} Hz, expected {low_hz:g} to {high_hz:g}"


def as_array(samples: Any) -> npt.NDArray[Any]:
    """Convert NumPy arrays, torch tensors, lists and typed buffers to an array.

    Raises:
        InvalidAudioError: bytes, whose sample type is unknown, masked samples, or not an array.
    """
    if isinstance(samples, np.ma.MaskedArray) and np.ma.is_masked(samples):
        num_masked = int(np.ma.getmaskarray(samples).sum())
        raise InvalidAudioError(
            f"expected samples, got {num_masked} of {samples.size} masked; cut them out or fill "
            "them"
        )
    if isinstance(samples, np.ndarray):
        return np.asarray(samples)  # converts subclasses such as memory maps, which soxr refuses
    is_array = hasattr(samples, "__array__") or hasattr(samples, "__array_interface__")
    is_tensor = is_array and hasattr(samples, "detach")
    if not is_array:
        samples = _typed_buffer(samples)
    try:
        # NumPy refuses a torch tensor on a GPU or with a gradient.
        return np.asarray(samples.detach().cpu() if is_tensor else samples)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        kind = type(samples).__name__
        raise InvalidAudioError(
            f"expected an array of samples, got {kind}: {error}; convert it to a NumPy array of "
            "float32 first"
        ) from error


def _typed_buffer(samples: Any) -> Any:
    try:
        view = memoryview(samples)
    except TypeError as error:
        if not hasattr(samples, "read"):
            return samples  # not a buffer, but a list
        kind = type(samples).__name__
        raise InvalidAudioError(
            f"expected an array of samples, got a file ({kind}); decode it with "
            "speakersdk.read_audio"
        ) from error
    if view.format.lstrip("@=<>!") in _BYTE_FORMATS:
        raise InvalidAudioError(
            f"expected samples, got {view.nbytes} bytes ({type(samples).__name__}) that do not say "
            "their sample type; pass np.frombuffer(data, np.int16) if they are 16-bit samples, or "
            "io.BytesIO(data) if they are an audio file"
        )
    return view


def check_samples(samples: npt.NDArray[Any], *, is_chunk: bool = False) -> None:
    """Raise InvalidAudioError unless the array can be audio.

    Args:
        samples: any array.
        is_chunk: whether it is a chunk of a stream, which may be short or quiet.
    """
    if samples.dtype == object and samples.ndim == 0:
        raise InvalidAudioError(
            f"expected an array of samples, got {type(samples.item()).__name__}"
        )
    if samples.dtype.newbyteorder("=") not in _SCALES:
        known = ", ".join(str(dtype) for dtype in _SCALES)
        kind = "text" if samples.dtype.kind == "U" else samples.dtype
        remedy = _REMEDIES.get(samples.dtype.name) or _REMEDIES.get(
            samples.dtype.kind, "; pass floats of full scale +-1"
        )
        raise InvalidAudioError(f"expected samples of type {known}, got {kind}{remedy}")
    if samples.ndim not in (1, 2):
        raise InvalidAudioError(
            f"expected samples of shape (n,) or (n, channels), got {samples.shape}"
        )
    if samples.size == 0:
        raise InvalidAudioError(f"expected at least one sample, got shape {samples.shape}")
    channels = samples.shape[1] if samples.ndim == 2 else 1
    if channels > len(samples) and not (is_chunk and channels <= _CHUNK_CHANNELS):
        raise InvalidAudioError(
            f"expected samples of shape (n, channels), got {samples.shape}, more channels than "
            "samples; pass samples.T if channels come first"
        )
    if samples.dtype.kind == "f":
        _check_floats(samples)
    elif samples.dtype.newbyteorder("=") == np.int32 and not is_chunk:
        peak = int32_peak(samples)
        check_int32_peak(peak)
        if 0 < peak <= _INT24_PEAK and np.any(samples % _INT24_STEP):
            raise InvalidAudioError(
                f"expected int32 samples that span their whole range, got a peak of {peak}, -48 dB "
                f"of full scale or less; pass samples * {_INT24_STEP} if they are 24-bit values, "
                "or samples / 2**31 if the recording is that quiet"
            )


def int32_peak(samples: npt.NDArray[Any]) -> int:
    """Return the largest magnitude of int32 samples; 0 for other types."""
    if samples.dtype.newbyteorder("=") != np.int32 or samples.size == 0:
        return 0
    return max(-int(samples.min()), int(samples.max()))


def check_int32_peak(peak: int) -> None:
    """Raise InvalidAudioError if 32-bit samples contain 16-bit values."""
    if 0 < peak <= INT16_PEAK:
        raise InvalidAudioError(
            f"expected int32 samples that span their whole range, got a peak of {peak}, -96 dB of "
            "full scale or less; pass samples.astype(np.int16) if they are 16-bit values"
        )


def _check_floats(samples: npt.NDArray[Any]) -> None:
    # min and max propagate NaN, which fails every comparison.
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


def scale(samples: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Convert checked samples of any type to float64 in +-1."""
    silence, full_scale = _SCALES[samples.dtype.newbyteorder("=")]
    # Always float64, because int32 has more digits than float32. In place: numpy would inspect the
    # stack before it reuses a large temporary array, and allocate others.
    scaled = samples.astype(np.float64)
    scaled -= silence
    scaled /= full_scale
    return scaled
