"""``speakersdk diarize``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk.audio.waveform import read_audio
from speakersdk.cli import main
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.store import VoiceprintStore


@pytest.fixture
def talk(voices: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two voices in one recording, without any enrollment."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    pause = np.zeros(16000, np.float32)
    path = tmp_path / "a talk.wav"
    sf.write(
        path,
        np.concatenate([read_audio(voices["slt"].probe), pause, read_audio(voices["rms"].probe)]),
        16000,
    )
    return path


def test_enrolled_speakers_are_named(
    talk: Path, voices: dict[str, Any], verifier: Verifier, capsys: pytest.CaptureFixture[str]
) -> None:
    VoiceprintStore().save(verifier.enroll(voices["slt"].enroll, name="slt"))
    assert main(["diarize", str(talk), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["recording"] == str(talk)
    assert [speaker["who"] for speaker in document["speakers"]] == ["slt", "unknown-1"]
    assert document["turns"][0]["who"] == "slt"
    assert main(["diarize", str(talk)]) == 0
    header, first, *_ = capsys.readouterr().out.splitlines()
    assert header.split("\t") == ["from", "to", "who", "llr", "note"]
    assert first.split("\t")[2] == "slt"


def test_references_may_be_recordings_without_any_enrollment(
    talk: Path, voices: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diarize", str(talk), "--format", "rttm"]) == 0
    fields = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert {line[1] for line in fields} == {"a%20talk"}
    assert {line[7] for line in fields} == {"unknown-1", "unknown-2"}
    reference = str(voices["rms"].enroll[0])
    assert main(["diarize", str(talk), reference, "--format", "srt"]) == 0
    subtitles = capsys.readouterr().out
    assert subtitles.startswith("1\n00:00:0")
    assert "\nrms-enroll-1\n" in subtitles


def test_silence_is_status_1(talk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sf.write(talk, np.zeros(32000, np.float32), 16000)
    assert main(["diarize", str(talk), "--format", "rttm"]) == 1
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "note: no speech found in the recording\n")


def test_two_recordings_of_one_file_name_are_distinguished(
    talk: Path, voices: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    references = []
    for voice in ("slt", "rms"):
        path = tmp_path / f"{voice}s phone" / "New Recording (1).flac"
        path.parent.mkdir()
        path.write_bytes(voices[voice].enroll[0].read_bytes())
        references.append(str(path))
    assert main(["diarize", str(talk), *references, "--json"]) == 0
    speakers = json.loads(capsys.readouterr().out)["speakers"]
    assert [speaker["who"] for speaker in speakers] == [
        f"{voice}s phone New Recording 1" for voice in ("slt", "rms")
    ]
