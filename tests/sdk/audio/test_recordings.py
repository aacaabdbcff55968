"""Recordings as users hand them over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speakersdk.audio.recordings import check_list, load_recording, recording_label
from speakersdk.audio.waveform import SAMPLE_RATE_HZ, read_audio


def test_a_file_and_its_samples_are_one_recording(voices: dict[str, Any]) -> None:
    path = voices["slt"].probe
    samples = load_recording(path, None)
    assert np.array_equal(samples, read_audio(path))
    assert np.array_equal(load_recording(samples, SAMPLE_RATE_HZ), samples)
    with pytest.raises(TypeError, match="sample_rate_hz is required"):
        load_recording(samples, None)


def test_labels_and_lists() -> None:
    assert recording_label(Path("a") / "b.wav") == str(Path("a") / "b.wav")
    assert recording_label(np.zeros(1)) == "the array"
    check_list(["a.wav"])
    for single in ("a.wav", Path("a.wav"), np.zeros(1)):
        with pytest.raises(TypeError, match=r"write \[recording\]"):
            check_list(single)
