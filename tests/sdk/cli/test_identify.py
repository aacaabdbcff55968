"""``speakersdk identify``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk.cli import main
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.store import VoiceprintStore


@pytest.fixture
def store(store: VoiceprintStore, verifier: Verifier, voices: dict[str, Any]) -> VoiceprintStore:
    """The store with two of the four voices."""
    for name in ("rms", "slt"):
        store.save(verifier.enroll(voices[name].enroll, name=name))
    return store


def test_all_enrolled_speakers_are_candidates(
    store: VoiceprintStore, voices: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["identify", str(voices["rms"].probe)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("rms: ACCEPT: ")
    assert lines[1] == "name\tverdict\tscore\tllr"
    assert [line.split("\t")[:2] for line in lines[2:]] == [["rms", "accept"], ["slt", "reject"]]


def test_an_unknown_speaker_has_status_1(
    store: VoiceprintStore, voices: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["identify", str(voices["rms"].probe), "slt"]) == 1
    assert capsys.readouterr().out.startswith("unknown: REJECT: ")


def test_json(
    store: VoiceprintStore, voices: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    probe = str(voices["slt"].probe)
    references = ["rms", str(voices["slt"].enroll[0])]  # a recording has the name of its file
    main(["identify", probe, *references, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["speaker"] == "slt-enroll-1"
    assert [row["name"] for row in document["ranking"]] == ["slt-enroll-1", "rms"]
    assert document["ranking"][0]["llr"] == document["decision"]["llr"]
    assert document["margin"] == document["ranking"][0]["llr"] - document["ranking"][1]["llr"]
    assert document["probe"] == probe


def test_silence_ranks_nobody(
    store: VoiceprintStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "silence.wav"
    sf.write(path, np.zeros(48000), 16000)
    assert main(["identify", str(path)]) == 1
    assert capsys.readouterr().out == (
        "NO_SPEECH: no speech found in 3.0 s of audio; 0.0 s of speech\n"
    )


def test_a_candidate_twice_is_an_error(
    store: VoiceprintStore, voices: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["identify", str(voices["rms"].probe), "slt", "@slt"]) == 2
    assert "'slt' 2 times" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_named_and_others_are_used(
    store: VoiceprintStore, voices: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (store.folder / "slt (1).voiceprint").write_bytes(store.path("slt").read_bytes())
    (store.folder / "a\x1b[31m.voiceprint").mkdir()
    assert main(["identify", str(voices["rms"].probe)]) == 0
    output = capsys.readouterr()
    assert output.out.startswith("rms: ACCEPT: ")
    warnings = output.err.splitlines()
    assert len(warnings) == 2
    assert all(line.startswith("speakersdk: warning: skipped: ") for line in warnings)
    assert "a\\x1b[31m.voiceprint: expected a name of" in warnings[0]
    assert "slt (1).voiceprint: expected a name of" in warnings[1]


def test_a_store_without_a_readable_file_is_one_error(
    store: VoiceprintStore, voices: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as a sealed store without its key. It was said that nobody was enrolled."""
    for name in store.names():
        store.path(name).write_bytes(b"damaged")
    for arguments in (["identify"], ["diarize"], ["listen", "--fast", "--input"]):
        assert main([*arguments, str(voices["rms"].probe)]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"speakersdk: error: no voiceprint in {store.folder} can be used; ")
        assert f"the first of {len(store.names())} reasons: {store.folder}" in error
        assert error.count("\n") == 1


def test_a_voiceprint_of_another_model_is_named_and_others_are_used(
    store: VoiceprintStore, voices: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    store.save(replace(store.load("slt"), model_sha256="0" * 64), replace=True)
    for arguments in (["identify"], ["diarize"], ["listen", "--fast", "--input"]):
        assert main([*arguments, str(voices["rms"].probe)]) == 0
        warning = capsys.readouterr().err.splitlines()[0]
        assert warning.startswith("speakersdk: warning: skipped: the voiceprint of 'slt' was made")
        assert "rms" not in warning
    assert main(["profiles", "list", "--json"]) == 0
    assert [one["last_used"] is None for one in json.loads(capsys.readouterr().out)] == [
        False,
        True,
    ]


def test_two_recordings_of_one_file_name_are_distinguished(
    store: VoiceprintStore,
    voices: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    references = []
    for voice in ("rms", "slt"):
        path = tmp_path / f"{voice}s phone" / "New Recording (1).flac"
        path.parent.mkdir()
        path.write_bytes(voices[voice].enroll[0].read_bytes())
        references.append(str(path))
    assert main(["identify", str(voices["slt"].probe), *references, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["speaker"] == "slts phone New Recording 1"
    assert len(document["ranking"]) == 2


def test_recordings_in_one_folder_with_unusable_names_are_distinguished(
    store: VoiceprintStore,
    voices: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    references = []
    for voice, name in (("rms", "(1).flac"), ("slt", "[1].flac")):
        path = tmp_path / name
        path.write_bytes(voices[voice].enroll[0].read_bytes())
        references.append(str(path))
    assert main(["identify", str(voices["slt"].probe), *references, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["speaker"].endswith(" 1 2")


@pytest.mark.parametrize(
    ("line", "order"),
    [
        ("verify probe.wav slt", "verify NAME RECORDING"),
        ("identify slt probe.wav", "identify RECORDING NAME..."),
        ("diarize slt probe.wav", "diarize RECORDING NAME..."),
    ],
)
def test_a_name_in_the_place_of_a_recording_is_recognized(
    store: VoiceprintStore, line: str, order: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    error = capsys.readouterr().err
    assert f"got the enrolled name 'slt'; write speakersdk {order}" in error
