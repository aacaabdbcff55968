"""Recordings as users hand them over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speakersdk.audio import SAMPLE_RATE_HZ, read_audio
from speakersdk.decision import Verdict
from speakersdk.encoding import Encoding
from speakersdk.recording import check_list, load_recording, recording_label, speech_shortage
from speakersdk.verifier import Verifier


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


def test_a_shortage_is_of_speech_and_not_of_audio(verifier: Verifier) -> None:
    calibration = verifier.manifest.calibration
    assert calibration is not None

    def shortage(speech_s: float, *, calibrated: bool = True) -> tuple[Verdict, str] | None:
        encoding = Encoding(np.zeros(4, np.float32), speech_s=speech_s, duration_s=60.0)
        return speech_shortage(encoding, calibration if calibrated else None)

    assert shortage(0.0) == (Verdict.NO_SPEECH, "no speech found in 60.0 s of audio")
    assert shortage(0.0, calibrated=False) == shortage(0.0)
    too_little = shortage(calibration.minimum_speech_s / 2)
    assert too_little is not None
    assert too_little[0] is Verdict.INCONCLUSIVE
    assert shortage(0.1, calibrated=False) is None
    assert shortage(calibration.minimum_speech_s) is None
