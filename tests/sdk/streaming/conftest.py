"""Voiceprints for the tests of streams."""

import numpy as np
import pytest

from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER as CLIPS
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.voiceprint import Voiceprint

VOICES = ("awb", "kal16", "rms", "slt")


@pytest.fixture(scope="module")
def voiceprints(verifier: Verifier) -> list[Voiceprint]:
    return [
        verifier.enroll(sorted(CLIPS.glob(f"{voice}-enroll-*.flac")), name=voice)
        for voice in VOICES
    ]


@pytest.fixture(scope="module")
def probe() -> np.ndarray:
    return read_audio(CLIPS / "slt-probe.flac")
