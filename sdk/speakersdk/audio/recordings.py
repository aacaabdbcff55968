"""A recording that a user hands over, a file or an array: loading it and naming it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.audio.waveform import as_waveform, read_audio

# A path, or samples as `speakersdk.audio.waveform.as_waveform` takes them.
Recording = str | os.PathLike[str] | npt.NDArray[Any]


def load_recording(recording: Recording, sample_rate_hz: float | None) -> Waveform:
    """The waveform of a recording; a file brings its own rate.

    Raises:
        AudioError: unreadable or not audio.
        TypeError: an array without its rate.
    """
    if isinstance(recording, str | os.PathLike):
        return read_audio(recording)
    if sample_rate_hz is None:
        raise TypeError(
            "sample_rate_hz is required for arrays: pass the rate at which they were recorded"
        )
    return as_waveform(recording, sample_rate_hz=sample_rate_hz)


def recording_label(recording: Recording) -> str:
    """How a recording is called in messages."""
    return os.fspath(recording) if isinstance(recording, str | os.PathLike) else "the array"


def check_list(recordings: object) -> None:
    """Raise TypeError for a single recording where a list of them is expected."""
    if isinstance(recordings, str | os.PathLike | np.ndarray):
        raise TypeError("expected a list of recordings, got a single one; write [recording]")
