"""Enrollment from recordings, through the verifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk.audio import SAMPLE_RATE_HZ
from speakersdk.errors import ConfigError, EnrollmentError, UnreadableAudioError
from speakersdk.verifier import Verifier
from speakersdk.voiceprint import Voiceprint


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE_HZ), dtype=np.float32)


def test_voiceprint_holds_one_exemplar_per_recording(
    verifier: Verifier, voices: dict[str, Any]
) -> None:
    voiceprint = verifier.enroll(voices["slt"].enroll, name="slt")
    manifest = verifier.manifest
    assert voiceprint.exemplars.shape == (2, manifest.embedding_dim)
    for exemplar, path in zip(voiceprint.exemplars, voices["slt"].enroll, strict=True):
        assert np.array_equal(exemplar, verifier.embed(path))
    assert voiceprint.model_sha256 == manifest.weights_sha256
    assert Voiceprint.from_bytes(voiceprint.to_bytes()) == voiceprint


def test_unusable_recordings_are_named(
    verifier: Verifier, voices: dict[str, Any], tmp_path: Path
) -> None:
    good = voices["slt"].enroll[0]
    quiet = tmp_path / "quiet.wav"
    sf.write(quiet, silence(3), SAMPLE_RATE_HZ)
    with pytest.raises(EnrollmentError, match=r"recording 2 \(.*quiet\.wav\): no speech found"):
        verifier.enroll([good, quiet], name="slt")
    with pytest.raises(EnrollmentError, match=r"missing\.wav.*No such file") as caught:
        verifier.enroll([good, tmp_path / "missing.wav"], name="slt")
    assert isinstance(caught.value.__cause__, UnreadableAudioError)
    with pytest.raises(EnrollmentError, match=r"recording 1 \(the array\): expected at least"):
        verifier.enroll([silence(0.1)], name="slt", sample_rate_hz=SAMPLE_RATE_HZ)


def test_enroll_takes_a_list_of_recordings_and_a_name(
    verifier: Verifier, voices: dict[str, Any]
) -> None:
    with pytest.raises(EnrollmentError, match="at least one recording"):
        verifier.enroll([], name="slt")
    for single in (voices["slt"].probe, str(voices["slt"].probe), silence(2)):
        with pytest.raises(TypeError, match="expected a list of recordings"):
            verifier.enroll(single, name="slt")
    with pytest.raises(ConfigError, match="expected a name"):
        verifier.enroll([voices["slt"].probe], name="../slt")
