from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from speakersdk.encoder.interface import Encoding
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import CalibrationError
from speakersdk.recalibration.encodings import calibration_of, with_enough_speech
from speakersdk.verifier import Verifier


@pytest.fixture(scope="module")
def manifest(verifier: Verifier) -> ModelManifest:
    return verifier.manifest


def encoding(speech_s: float) -> Encoding:
    return Encoding(np.zeros(4, np.float32), speech_s, speech_s)


def test_a_model_without_calibration_cannot_be_refitted(manifest: ModelManifest) -> None:
    assert calibration_of(manifest) is manifest.calibration
    with pytest.raises(CalibrationError, match="without calibration"):
        calibration_of(dataclasses.replace(manifest, calibration=None))


def test_short_recordings_and_then_small_groups_are_left_out(manifest: ModelManifest) -> None:
    calibration = calibration_of(manifest)
    enough, short = encoding(calibration.minimum_speech_s), encoding(0.01)
    encodings = {"ann": [enough, short, enough], "bob": [short, enough], "eve": [short]}
    assert with_enough_speech(encodings, calibration) == {"ann": [enough] * 2, "bob": [enough]}
    assert with_enough_speech(encodings, calibration, at_least=2) == {"ann": [enough] * 2}
