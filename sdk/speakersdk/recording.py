"""A recording as users hand it over: a file or an array, how it is loaded, and what it is called.

Whether it holds enough speech for a decision is answered here too, for probes and for enrollment.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.audio import as_waveform, read_audio
from speakersdk.calibration import Calibration
from speakersdk.decision import Verdict
from speakersdk.encoding import Encoding

# A path, or samples as `speakersdk.audio.as_waveform` takes them.
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


def speech_shortage(
    encoding: Encoding, calibration: Calibration | None
) -> tuple[Verdict, str] | None:
    """Why a recording has too little speech for a decision; None if it has enough."""
    if encoding.speech_s == 0:
        return Verdict.NO_SPEECH, f"no speech found in {encoding.duration_s:.1f} s of audio"
    if calibration is None or encoding.speech_s >= calibration.minimum_speech_s:
        return None
    return Verdict.INCONCLUSIVE, (
        f"{encoding.speech_s:.2f} s of speech are too little for a decision, at least "
        f"{calibration.minimum_speech_s:g} s are needed"
    )
