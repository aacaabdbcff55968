"""Recordings that users pass, as files or arrays."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from numbers import Real
from typing import Any

import numpy as np

from speakersdk.arrays import Waveform
from speakersdk.audio.channels import MIX, Channel, check_channel
from speakersdk.audio.input_file import BinaryReader, file_label, is_file
from speakersdk.audio.samples import Samples, as_array, as_scalar, check_rate
from speakersdk.audio.waveform import ARRAY_LABEL, array_blocks, file_blocks, join
from speakersdk.errors import ConfigError, InvalidAudioError

Recording = (
    str | os.PathLike[str] | BinaryReader | Samples | tuple[float, Samples] | tuple[Samples, float]
)
"""A recording: a path, a file object open for reading bytes, or samples with their rate.

Samples are an array or a tensor as `as_waveform` takes them. Their rate is a separate argument, or
they are in a pair with it: `scipy.io.wavfile.read` returns (rate, samples), and `soundfile.read`
returns (samples, rate).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How recordings are read.

    Attributes:
        limit_s: maximum seconds of audio, summed over channels; None means any length.
        channel: as for `speakersdk.audio.waveform.read_audio`.

    Raises:
        ConfigError: the limit is not above zero, or there cannot be such a channel.
    """

    limit_s: float | None = None
    channel: Channel = None

    def __post_init__(self) -> None:
        check_limit(self.limit_s)
        check_channel(self.channel)

    def mixed(self) -> Reading:
        """Return these settings for several people: channels are mixed unless one was chosen."""
        return self if self.channel is not None else replace(self, channel=MIX)


def open_recording(
    recording: Recording,
    sample_rate_hz: float | None,
    reading: Reading | None = None,
) -> Iterator[Waveform]:
    """Read the waveform of a recording in blocks, with bounded memory.

    Args:
        recording: a file or an array. A file is read to its end, whatever length its header gives,
            and is refused if audio is missing.
        sample_rate_hz: sample rate of an array; None for files and pairs, which have their own.
        reading: the limit and the channel; None means any length and the mean of all channels.

    Returns:
        Blocks of (n,) float32, n > 0, mono, full scale +-1, at 16 kHz. Concatenated, they equal the
        result of `load_recording` bit by bit. The first `next` opens a file.

    Raises:
        AudioError: unreadable, not audio, or longer than the limit; for files, and for different
            speech in two channels, while reading the blocks.
        ConfigError: not a sample rate, not that of the recording, or one for a file.
        TypeError: an array without a sample rate.
    """
    reading = reading or Reading()
    limit_s = reading.limit_s
    if is_file(recording):
        if sample_rate_hz is not None:
            raise _unused_rate(sample_rate_hz)
        return file_blocks(recording, limit_s=limit_s, channel=reading.channel)
    samples: Any = recording
    if isinstance(recording, tuple):
        samples, sample_rate_hz = _unpaired(recording, sample_rate_hz)
    array = as_array(samples)
    is_numbers = isinstance(samples, np.ndarray) or array.dtype != object
    if not is_numbers or (array.ndim == 0 and array.dtype.kind not in "SU"):
        kind = type(samples).__name__
        pair = "; pass (samples, rate), its two values" if isinstance(samples, dict) else ""
        raise InvalidAudioError(
            f"expected a recording (a path, an open file or an array of samples), got {kind}{pair}"
        )
    if array.dtype.kind in "SU":
        raise InvalidAudioError(
            f"expected one recording, got text in a {type(recording).__name__}; pass a path by "
            "itself, without a rate"
        )
    if sample_rate_hz is None:
        raise TypeError(
            "sample_rate_hz is required for arrays: pass the rate at which they were recorded"
        )
    blocks = array_blocks(array, sample_rate_hz=sample_rate_hz, channel=reading.channel)
    channel_s = array.size / sample_rate_hz
    if limit_s is not None and channel_s > limit_s:
        raise InvalidAudioError(
            f"expected at most {limit_s:g} s of audio, all channels together, got {channel_s:g} s; "
            "cut it, or raise the limit"
        )
    return blocks


def load_recording(
    recording: Recording,
    sample_rate_hz: float | None,
    reading: Reading | None = None,
) -> Waveform:
    """Read the whole waveform of a recording; arguments as for `open_recording`.

    Raises:
        AudioError: unreadable, not audio, longer than the limit, or too long for the memory.
        ConfigError: not a sample rate, not that of the recording, or one for a file.
        TypeError: an array without a sample rate.
    """
    blocks = open_recording(recording, sample_rate_hz, reading)
    return join(blocks, recording_label(recording))


def check_limit(limit_s: float | None) -> float | None:
    """Check a limit in seconds and return it.

    Raises:
        ConfigError: the limit is not above zero.
    """
    is_number = isinstance(limit_s, int | float) and not isinstance(limit_s, bool)
    if limit_s is not None and not (is_number and limit_s > 0):
        raise ConfigError(f"expected a maximum duration above 0 s, got {limit_s!r}")
    return limit_s


def recording_label(recording: Recording) -> str:
    """Return the name of a recording for messages."""
    return file_label(recording) if is_file(recording) else ARRAY_LABEL


def check_list(recordings: object) -> None:
    """Raise TypeError for a single recording instead of a list."""
    is_pair = isinstance(recordings, tuple) and _rate_index(recordings) is not None
    if is_file(recordings) or is_pair or _is_array(recordings):
        raise TypeError("expected a list of recordings, got a single one; write [recording]")


def rated(
    recordings: Iterable[Recording], sample_rate_hz: float | None
) -> list[tuple[Recording, float | None]]:
    """Put each recording in a pair with the sample rate to read it with: None for files.

    Raises:
        ConfigError: there is a rate, and no recording is an array.
    """
    pairs = [(one, None if is_file(one) else sample_rate_hz) for one in recordings]
    if sample_rate_hz is not None and all(rate_hz is None for _, rate_hz in pairs):
        raise _unused_rate(sample_rate_hz)
    return pairs


def _unused_rate(sample_rate_hz: float) -> ConfigError:
    return ConfigError(
        f"expected no sample rate for a file or a voiceprint, got {sample_rate_hz!r}; leave "
        "sample_rate_hz out, or pass the samples as an array"
    )


def _is_array(value: object) -> bool:
    if isinstance(value, bytes | bytearray | memoryview):
        return True
    return hasattr(value, "__array__") or hasattr(value, "__array_interface__")


def _rate_index(pair: tuple[Any, ...]) -> int | None:
    """Return the index of the sample rate in a pair; None for other tuples."""
    are_rates = [isinstance(as_scalar(each), Real | Decimal) for each in pair]
    if len(pair) != 2 or sum(are_rates) != 1:
        return None
    return are_rates.index(True)


def _unpaired(pair: tuple[Any, ...], sample_rate_hz: float | None) -> tuple[Samples, float | None]:
    index = _rate_index(pair)
    others = [each for each in pair if not isinstance(each, np.ndarray)]
    if index is None and len(pair) == 2 and len(others) == 1:
        raise InvalidAudioError(
            f"expected the rate of the samples as a number, got {others[0]!r:.60}; pass one such "
            "as 16000"
        )
    if index is None:
        kinds = ", ".join(type(each).__name__ for each in pair[:4])
        raise InvalidAudioError(
            "expected a recording or a pair of samples and their rate, got a tuple of "
            f"{len(pair)} ({kinds}{', ...' if len(pair) > 4 else ''}); pass samples as an array, "
            "such as np.array(samples, np.int16) for 16-bit ones"
        )
    rate = as_scalar(pair[index])
    if isinstance(rate, Decimal) and rate.is_finite():
        rate = Fraction(rate)
    check_rate(rate)
    rate_hz = float(rate)
    if sample_rate_hz not in (None, rate_hz):
        raise ConfigError(
            f"expected the samples' own rate of {rate_hz:g} Hz, got sample_rate_hz="
            f"{sample_rate_hz:g}; leave it out"
        )
    samples: Samples = pair[1 - index]
    return samples, rate_hz
