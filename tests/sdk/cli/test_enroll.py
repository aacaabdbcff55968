"""``speakersdk enroll``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk.cli import main
from speakersdk.voiceprint.store import VoiceprintStore
from speakersdk.voiceprint.voiceprint import Voiceprint


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VoiceprintStore:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return VoiceprintStore(tmp_path / "speakersdk" / "voiceprints")


@pytest.fixture
def recordings(voices: dict[str, Any]) -> list[str]:
    return [str(path) for path in voices["slt"].enroll]


def test_enroll_stores_one_exemplar_per_recording(
    store: VoiceprintStore, recordings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", "Zoë", *recordings]) == 0
    voiceprint = store.load("Zoë")
    assert len(voiceprint.exemplars) == 2
    output = capsys.readouterr()
    assert output.err.startswith("note: 10 s of speech and more")
    assert output.out == (
        f"enrolled Zoë: 2 recordings, {voiceprint.total_speech_s:.1f} s of speech, "
        f"in {store.path('Zoë')}\n"
    )


def test_json(
    store: VoiceprintStore, recordings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", "slt", *recordings, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    voiceprint = store.load("slt")
    assert document == {
        "name": "slt",
        "recordings": 2,
        "speech_s": voiceprint.total_speech_s,
        "model_name": voiceprint.model_name,
        "model_sha256": voiceprint.model_sha256,
        "created_utc": voiceprint.created_utc,
        "path": str(store.path("slt")),
    }


# Peers ignore a second enrollment under one name silently.
def test_a_second_enrollment_needs_a_choice(
    store: VoiceprintStore, recordings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", "slt", recordings[0]]) == 0
    assert main(["enroll", "slt", recordings[1]]) == 2
    assert "--replace" in capsys.readouterr().err
    first = store.load("slt").exemplars[0]

    assert main(["enroll", "slt", recordings[1], "--append"]) == 0
    both = store.load("slt").exemplars
    assert len(both) == 2
    assert (both[0] == first).all()

    assert main(["enroll", "slt", recordings[1], "--replace"]) == 0
    assert (store.load("slt").exemplars == both[1:]).all()


def test_output_writes_a_file_and_stores_nothing(
    store: VoiceprintStore,
    recordings: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "slt.voiceprint"
    arguments = ["enroll", "slt", recordings[0], "-o", str(path)]
    assert main(arguments) == 0
    assert main(arguments) == 2
    assert "--replace" in capsys.readouterr().err
    assert main(["enroll", "slt", recordings[1], "-o", str(path), "--append"]) == 0
    assert len(Voiceprint.load(path).exemplars) == 2
    assert main([*arguments, "--replace"]) == 0
    assert len(Voiceprint.load(path).exemplars) == 1
    assert not store.folder.exists()


def test_output_must_be_a_voiceprint_file(
    recordings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", "slt", recordings[0], "-o", str(tmp_path / "slt.wav")]) == 2
    assert "ends in .voiceprint" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_append_with_another_model_is_refused(
    store: VoiceprintStore,
    recordings: list[str],
    edit_model: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["enroll", "slt", recordings[0]]) == 0
    other = str(edit_model(name="other-model", weights_sha256="cd" * 32))
    assert main(["enroll", "slt", recordings[1], "--append", "--model", other]) == 2
    assert "other-model (cdcdcdcdcdcd)" in capsys.readouterr().err
    assert len(store.load("slt").exemplars) == 1


def test_a_failed_enrollment_stores_nothing(
    store: VoiceprintStore, recordings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", "slt", recordings[0], "missing.wav"]) == 2
    assert "recording 2 (missing.wav)" in capsys.readouterr().err
    assert not store.folder.exists()


def test_poor_recordings_are_refused_unless_accepted(
    store: VoiceprintStore,
    recordings: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    loud = str(tmp_path / "loud.wav")
    samples, rate_hz = sf.read(recordings[0])
    sf.write(loud, np.clip(10 * samples, -1, 1), rate_hz)
    assert main(["enroll", "slt", recordings[1], loud]) == 2
    error = capsys.readouterr().err
    assert f"recording 2 ({loud}): clipped (" in error
    assert "expected at most 5%): lower the input level" in error
    assert "accept clipped" in error
    assert not store.folder.exists()
    assert main(["enroll", "slt", recordings[1], loud, "--accept", "noisy"]) == 2
    assert main(["enroll", "slt", recordings[1], loud, "--accept", "clipped"]) == 0
    assert main(["enroll", "all", recordings[1], loud, "--accept", "all"]) == 0


def test_what_is_appended_must_be_of_the_same_voice(
    store: VoiceprintStore,
    recordings: list[str],
    voices: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["enroll", "slt", *recordings]) == 0
    stranger = str(voices["rms"].probe)
    assert main(["enroll", "slt", stranger, "--append"]) == 2
    assert f"recording 1 ({stranger}): unlike the other recordings" in capsys.readouterr().err
    assert len(store.load("slt").exemplars) == 2
    assert main(["enroll", "slt", stranger, "--append", "--accept", "unlike-others"]) == 0
    assert len(store.load("slt").exemplars) == 3


def test_a_name_that_is_taken_is_refused_before_anything_is_heard(
    store: VoiceprintStore, recordings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["enroll", "slt", recordings[0]]) == 0
    assert main(["enroll", "SLT", "missing.wav"]) == 2
    assert "'slt' exists already" in capsys.readouterr().err
