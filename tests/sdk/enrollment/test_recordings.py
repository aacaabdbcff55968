"""Enrollment from recordings, through the verifier."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk.audio.levels import AudioProblem
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.errors import ConfigError, EnrollmentError, UnreadableAudioError
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.voiceprint import Voiceprint


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
        with pytest.raises(TypeError, match=r"expected .*recordings"):
            verifier.enroll(single, name="slt")
    with pytest.raises(ConfigError, match="expected a name"):
        verifier.enroll([voices["slt"].probe], name="../slt")


def test_all_problems_are_listed_at_once_and_can_be_accepted(
    verifier: Verifier, voices: dict[str, Any]
) -> None:
    good = read_audio(voices["slt"].enroll[0])
    loud = np.clip(30 * read_audio(voices["slt"].enroll[1]), -1, 1)
    stranger = read_audio(voices["rms"].probe)
    recordings = [good, read_audio(voices["slt"].probe), loud, stranger]

    def enroll(*accept: str) -> Voiceprint:
        return verifier.enroll(recordings, name="slt", sample_rate_hz=SAMPLE_RATE_HZ, accept=accept)

    with pytest.raises(EnrollmentError) as refused:
        enroll()
    message = str(refused.value)
    assert "recording 3 (the array): clipped (" in message
    assert "recording 4 (the array): unlike the other recordings (llr -" in message
    assert "recording 1" not in message
    assert message.endswith(
        "accept clipped, unlike-others (--accept clipped --accept unlike-others)"
    )
    assert refused.value.problems == ("clipped", "unlike-others")
    assert message.startswith(f"{refused.value.findings}; to enroll anyway, ")
    with pytest.raises(EnrollmentError, match="accept unlike-others"):
        enroll(AudioProblem.CLIPPED)
    for accept in ((AudioProblem.CLIPPED, AudioProblem.UNLIKE_OTHERS), refused.value.problems):
        assert len(enroll(*accept).exemplars) == 4
    with pytest.raises(ConfigError, match=r"a problem among too-quiet, clipped, .*got 'loud'"):
        enroll("loud")
    with pytest.raises(
        TypeError,
        match=r"accept to be a list, each item a string, got 'noisy'; write \[",
    ):
        verifier.enroll(voices["slt"].enroll, name="slt", accept="noisy")


def test_appending_keeps_what_was_and_compares_with_it(
    verifier: Verifier, voices: dict[str, Any]
) -> None:
    first = verifier.enroll(voices["slt"].enroll, name="slt")
    both = verifier.enroll([voices["slt"].probe], name="slt", append_to=first)
    assert np.array_equal(both.exemplars[:2], first.exemplars)
    assert np.array_equal(both.exemplars[2], verifier.embed(voices["slt"].probe))
    assert both.created_utc == first.created_utc
    with pytest.raises(EnrollmentError, match="unlike the other recordings"):
        verifier.enroll([voices["rms"].probe], name="slt", append_to=first)
    with pytest.raises(ConfigError, match="expected a voiceprint of 'ann', got that of 'slt'"):
        verifier.enroll([voices["slt"].probe], name="ann", append_to=first)


def test_quality_is_what_enrollment_goes_by(verifier: Verifier, voices: dict[str, Any]) -> None:
    paths = [*voices["slt"].enroll, voices["rms"].probe]
    qualities = verifier.quality(paths)
    assert [quality.label for quality in qualities] == [str(path) for path in paths]
    assert [quality.is_usable for quality in qualities] == [True, True, False]
    assert qualities[0].speech_s == verifier.enroll(paths[:1], name="slt").total_speech_s
    (short,) = verifier.quality([silence(0.1)], sample_rate_hz=SAMPLE_RATE_HZ)
    assert not short.is_usable
    assert short.shortage_finding.count("record longer") == 1
    (nothing,) = verifier.quality([silence(3)], sample_rate_hz=SAMPLE_RATE_HZ)
    assert nothing.shortage == "no speech found in 3.0 s of audio"
    assert nothing.shortage_finding.endswith("-120 dBFS; come closer or raise the input level")


# A group that an uncalibrated model cannot judge is enrolled by levels only.
def test_without_calibration_only_levels_decide(
    voices: dict[str, Any], edit_model: Callable[..., Path]
) -> None:
    verifier = Verifier(edit_model(calibration=None))
    recordings = [voices["slt"].probe, voices["rms"].probe]
    assert len(verifier.enroll(recordings, name="slt").exemplars) == 2
    assert verifier.quality(recordings)[0].others_llr is None


# The same recording twice would count as twice the speech and lower the threshold.
def test_a_recording_counts_once(verifier: Verifier, voices: dict[str, Any]) -> None:
    path = voices["slt"].probe
    with pytest.raises(EnrollmentError, match=r"recording 2 .* it is the same as recording 1"):
        verifier.enroll([path, path], name="slt", accept=tuple(AudioProblem))
    first = verifier.enroll([path], name="slt")
    with pytest.raises(EnrollmentError, match="it is already enrolled; leave it out"):
        verifier.enroll([path], name="slt", append_to=first)
