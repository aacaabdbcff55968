"""Adaptation through the verifier, and each reason to refuse it."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speakersdk.audio.levels import AudioLevels
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.decision.outcome import Decision
from speakersdk.enrollment.adaptation import LEAST_SPEECH_S, adapt
from speakersdk.enrollment.measure import RecordingQuality
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.voiceprint import Voiceprint

GOOD = RecordingQuality(
    label="probe.wav",
    duration_s=4.0,
    speech_s=3.0,
    levels=AudioLevels(speech_dbfs=-30.0, snr_db=30.0, high_band_db=-20.0, clipped_share=0.0),
    loudest_dbfs=-20.0,
    one_voice_llr=None,
)


@pytest.fixture(scope="module")
def slt(verifier: Verifier, voices: dict[str, Any]) -> Voiceprint:
    return verifier.enroll(voices["slt"].enroll, name="slt")


def test_a_certain_probe_is_added_and_can_be_taken_back(
    verifier: Verifier, voices: dict[str, Any], slt: Voiceprint
) -> None:
    probe = voices["slt"].probe
    adaptation = verifier.adapt(slt, probe)
    assert adaptation.is_adapted
    assert np.array_equal(adaptation.voiceprint.adapted[0], verifier.embed(probe))
    # The probe is now more similar to the voiceprint, which includes it.
    assert verifier.score(adaptation.voiceprint, probe) > verifier.score(slt, probe)
    assert [change.kind for change in adaptation.voiceprint.history] == ["adapted"]
    assert replace(adaptation.voiceprint.reverted(), history=()) == slt


def test_the_same_probe_is_added_once(
    verifier: Verifier, voices: dict[str, Any], slt: Voiceprint
) -> None:
    adapted = verifier.adapt(slt, voices["slt"].probe).voiceprint
    again = verifier.adapt(adapted, voices["slt"].probe)
    assert again.reason == "not adapted: this recording is already part of the voiceprint"
    assert again.voiceprint is adapted


def test_verifying_by_itself_adapts_nothing(
    verifier: Verifier, voices: dict[str, Any], slt: Voiceprint
) -> None:
    before = slt.to_bytes()
    verifier.verify(slt, voices["slt"].probe)
    assert slt.to_bytes() == before


def test_another_speaker_changes_nothing(
    verifier: Verifier, voices: dict[str, Any], slt: Voiceprint
) -> None:
    adaptation = verifier.adapt(slt, voices["rms"].probe)
    assert not adaptation.is_adapted
    assert adaptation.voiceprint is slt
    assert adaptation.reason.startswith("not adapted: llr")


def test_silence_changes_nothing(verifier: Verifier, slt: Voiceprint) -> None:
    silence = np.zeros(3 * SAMPLE_RATE_HZ, np.float32)
    adaptation = verifier.adapt(slt, silence, sample_rate_hz=SAMPLE_RATE_HZ)
    assert adaptation.reason == "not adapted: no speech found in 3.0 s of audio"


# A thief who was accepted once must not be accepted because of the exemplar that this left.
def test_adapted_exemplars_do_not_vouch_for_others(
    verifier: Verifier, voices: dict[str, Any], slt: Voiceprint
) -> None:
    thief = verifier.embed(voices["rms"].probe)
    infected = slt
    for _ in range(8):
        infected = infected.adapted_by(thief, speech_s=3.0)
    adaptation = verifier.adapt(infected, voices["rms"].probe)
    assert not adaptation.is_adapted
    assert adaptation.decision.score == verifier.score(slt, voices["rms"].probe)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"speech_s": LEAST_SPEECH_S - 0.1}, "1.4 s of speech, expected 1.5 s or more"),
        (
            {"levels": dataclasses.replace(GOOD.levels, snr_db=3.0)},
            "noisy (speech 3.0 dB above the noise, expected 10 or more): find a quieter place",
        ),
    ],
)
def test_poor_audio_changes_nothing(
    verifier: Verifier, slt: Voiceprint, changes: dict[str, Any], reason: str | None
) -> None:
    calibration = verifier.manifest.calibration
    assert calibration is not None
    sure = Decision.from_evidence(score=-0.1, llr=30.0, threshold=2.0, speech_s=3.0)
    quality = dataclasses.replace(GOOD, **changes)
    adaptation = adapt(slt, -slt.exemplars[0], quality, sure, sure, calibration)
    assert adaptation.is_adapted == (reason is None)
    assert reason is None or adaptation.reason == f"not adapted: {reason}"


def test_an_accepted_probe_may_still_be_too_uncertain(verifier: Verifier, slt: Voiceprint) -> None:
    calibration = verifier.manifest.calibration
    assert calibration is not None
    strictest = calibration.operating_points[-1]
    speech_s = calibration.comparable_speech_s(slt.total_speech_s, 3.0)
    (nearness,) = calibration.pair_nearness(slt.reverted().embedding[None], -slt.exemplars[0])
    needed = strictest.threshold(speech_s, nearness)
    for llr, is_adapted in ((needed - 0.01, False), (needed + 0.01, True)):
        decision = Decision.from_evidence(score=-1.0, llr=llr, threshold=-9.0, speech_s=3.0)
        adaptation = adapt(slt, -slt.exemplars[0], GOOD, decision, decision, calibration)
        assert adaptation.is_adapted == is_adapted
    no_rates = dataclasses.replace(calibration, operating_points=())
    assert (
        "supports no error rate"
        in adapt(slt, -slt.exemplars[0], GOOD, decision, decision, no_rates).reason
    )


@pytest.mark.parametrize("kind", [str, Path])
def test_files_and_arrays(
    verifier: Verifier,
    voices: dict[str, Any],
    slt: Voiceprint,
    kind: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The second may change between the two.
    monkeypatch.setattr(
        "speakersdk.enrollment.adaptation.utc_now", lambda: "2026-11-29T09:00:00+00:00"
    )
    path = voices["slt"].probe
    from_file = verifier.adapt(slt, kind(path))
    from_array = verifier.adapt(slt, read_audio(path), sample_rate_hz=SAMPLE_RATE_HZ)
    assert from_file.voiceprint == from_array.voiceprint
