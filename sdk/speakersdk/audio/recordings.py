"""A recording that a user hands over, a file or an array: loading it and naming it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.audio.input_file import BinaryReader, file_label, is_file
from speakersdk.audio.waveform import array_blocks, file_blocks, join
from speakersdk.errors import ConfigError, InvalidAudioError

Samples = npt.NDArray[Any]
# A path, a file object that is open for reading bytes, samples as
# `speakersdk.audio.waveform.as_waveform` takes them, or a pair of such samples and their rate, as
# scipy.io.wavfile.read (rate first) and soundfile.read (rate last) return it.
Recording = (
    str | os.PathLike[str] | BinaryReader | Samples | tuple[float, Samples] | tuple[Samples, float]
)


def open_recording(
    recording: Recording, sample_rate_hz: float | None, *, limit_s: float | None = None
) -> Iterator[Waveform]:
    """The waveform of a recording in blocks, with bounded memory; a file brings its own rate.

    Args:
        recording: a file or an array. A file is read to its end, whatever its header says of its
            length, and refused where audio is missing.
        sample_rate_hz: of an array.
        limit_s: seconds of audio, all channels together, that are accepted; None = any number.

    Returns:
        Blocks of (n,) float32, n > 0, mono, full scale +-1, at 16 kHz. Joined they are, to the last
        bit, what `load_recording` returns. A file is opened when the first block is asked for.

    Raises:
        AudioError: unreadable, not audio, or longer than `limit_s`; of a file not before its blocks
            are asked for.
        ConfigError: not a rate, or another than the recording brings along.
        TypeError: an array without its rate.
    """
    if is_file(recording):
        return file_blocks(recording, limit_s=limit_s)
    samples: Any = recording
    if isinstance(recording, tuple):
        samples, sample_rate_hz = _unpaired(recording, sample_rate_hz)
    if sample_rate_hz is None:
        raise TypeError(
            "sample_rate_hz is required for arrays: pass the rate at which they were recorded"
        )
    blocks = array_blocks(samples, sample_rate_hz=sample_rate_hz)
    channel_s = np.size(samples) / sample_rate_hz
    if limit_s is not None and channel_s > limit_s:
        raise InvalidAudioError(
            f"expected at most {limit_s:g} s of audio, all channels together, got {channel_s:g} s; "
            "cut it, or raise the limit"
        )
    return blocks


def load_recording(
    recording: Recording, sample_rate_hz: float | None, *, limit_s: float | None = None
) -> Waveform:
    """The whole waveform of a recording; see `open_recording`.

    Raises:
        AudioError: unreadable, not audio, or longer than `limit_s` or the memory.
        ConfigError: not a rate, or another than the recording brings along.
        TypeError: an array without its rate.
    """
    return join(
        open_recording(recording, sample_rate_hz, limit_s=limit_s), recording_label(recording)
    )


def check_limit(limit_s: float | None) -> float | None:
    """The limit itself.

    Raises:
        ConfigError: it lets nothing through.
    """
    if limit_s is not None and not limit_s > 0:
        raise ConfigError(f"expected a longest duration above 0 s, got {limit_s!r}")
    return limit_s


def recording_label(recording: Recording) -> str:
    """How a recording is called in messages."""
    return file_label(recording) if is_file(recording) else "the array"


def check_list(recordings: object) -> None:
    """Raise TypeError for a single recording where a list of them is expected."""
    is_pair = isinstance(recordings, tuple) and _rate_index(recordings) is not None
    if is_file(recordings) or is_pair or _is_array(recordings):
        raise TypeError("expected a list of recordings, got a single one; write [recording]")


def _is_array(value: object) -> bool:
    if isinstance(value, bytes | bytearray | memoryview):
        return True
    return hasattr(value, "__array__") or hasattr(value, "__array_interface__")


def _rate_index(pair: tuple[Any, ...]) -> int | None:
    """Which of a pair is the rate; None = it is no pair of samples and a rate."""
    numbers = [isinstance(each, int | float | np.integer | np.floating) for each in pair]
    if len(pair) != 2 or sum(numbers) != 1:
        return None
    return numbers.index(True)


def _unpaired(pair: tuple[Any, ...], sample_rate_hz: float | None) -> tuple[Samples, float | None]:
    index = _rate_index(pair)
    if index is None:
        raise InvalidAudioError(
            "expected a recording or a pair of samples and their rate, got a tuple of "
            + ", ".join(type(each).__name__ for each in pair)
        )
    rate_hz = float(pair[index])
    if sample_rate_hz not in (None, rate_hz):
        raise ConfigError(
            f"expected the samples' own rate of {rate_hz:g} Hz, got sample_rate_hz="
            f"{sample_rate_hz:g}; leave it out"
        )
    samples: Samples = pair[1 - index]
    return samples, rate_hz
