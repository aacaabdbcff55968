"""Two voiceprints are joined only if they are of one voice."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from speakersdk.enrollment.joining import join_voiceprints, llrs_to_known
from speakersdk.errors import ConfigError, EnrollmentError, IncompatibleModelError
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.voiceprint import Voiceprint

VOICES = ("awb", "kal16", "rms", "slt")


@pytest.fixture(scope="module")
def halves(verifier: Verifier, voices: dict[str, Any]) -> dict[str, tuple[Voiceprint, Voiceprint]]:
    """Two voiceprints of each voice, from different recordings and with one name."""
    return {
        name: tuple(
            verifier.enroll([recording], name="ann") for recording in voices[name].enroll[:2]
        )
        for name in VOICES
    }  # type: ignore[misc]


@pytest.mark.parametrize("known", VOICES)
@pytest.mark.parametrize("new", VOICES)
def test_one_voice_is_joined_and_another_one_is_not(
    halves: dict[str, tuple[Voiceprint, Voiceprint]], verifier: Verifier, known: str, new: str
) -> None:
    stored, added = halves[known][0], halves[new][1]
    if known == new:
        joined = join_voiceprints(stored, added, manifest=verifier.manifest)
        assert joined == stored.with_exemplars(added)
    else:
        with pytest.raises(EnrollmentError, match=r"not like the stored voice \(llr -"):
            join_voiceprints(stored, added, manifest=verifier.manifest)


def test_a_stranger_cannot_hide_among_the_speakers_own(
    halves: dict[str, tuple[Voiceprint, Voiceprint]], verifier: Verifier
) -> None:
    stored, own = halves["slt"]
    stranger = halves["rms"][0]
    for hidden in (
        own.with_exemplars(stranger),
        own.adapted_by(stranger.exemplars[0], speech_s=3.0),
    ):
        with pytest.raises(EnrollmentError, match="not like the stored voice"):
            join_voiceprints(stored, hidden, manifest=verifier.manifest)


def test_a_recording_counts_once(
    halves: dict[str, tuple[Voiceprint, Voiceprint]], verifier: Verifier
) -> None:
    stored = halves["slt"][0]
    with pytest.raises(EnrollmentError, match="already enrolled"):
        join_voiceprints(stored, stored, manifest=verifier.manifest)


def test_name_and_model_must_agree(
    halves: dict[str, tuple[Voiceprint, Voiceprint]], verifier: Verifier
) -> None:
    stored, own = halves["slt"]
    with pytest.raises(ConfigError, match="'ann' and 'bob'"):
        join_voiceprints(stored, dataclasses.replace(own, name="bob"), manifest=verifier.manifest)
    foreign = dataclasses.replace(own, model_sha256="cd" * 32)
    for pair in ((stored, foreign), (foreign, stored)):
        with pytest.raises(IncompatibleModelError):
            join_voiceprints(*pair, manifest=verifier.manifest)
    forged = dataclasses.replace(own, exemplars=np.eye(1, 3) * own.temperature)
    with pytest.raises(IncompatibleModelError, match="D 3, T"):
        join_voiceprints(stored, forged, manifest=verifier.manifest)


def test_without_calibration_nothing_is_compared(
    halves: dict[str, tuple[Voiceprint, Voiceprint]], verifier: Verifier
) -> None:
    manifest = dataclasses.replace(verifier.manifest, calibration=None)
    stored, stranger = halves["slt"][0], halves["rms"][1]
    assert len(join_voiceprints(stored, stranger, manifest=manifest).exemplars) == 2


def test_every_embedding_gets_its_llr(
    halves: dict[str, tuple[Voiceprint, Voiceprint]], verifier: Verifier
) -> None:
    stored, own = halves["slt"]
    calibration = verifier.manifest.calibration
    assert calibration is not None
    added = [own.exemplars[0], halves["rms"][0].exemplars[0], halves["rms"][1].exemplars[0]]
    llrs = llrs_to_known(stored, added, [3.0, 3.0, 3.0], calibration)
    assert [llr > 0 for llr in llrs] == [True, False, False]
