"""``speakersdk verify`` and its kinds of references."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk.cli import main
from speakersdk.encoder.graph import SAMPLES
from speakersdk.errors import ExpiredVoiceprintError
from speakersdk.runtime.session import OnnxSession
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.store import VoiceprintStore


def test_verdict_is_the_exit_status(
    slt: str, voices: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "slt", slt]) == 0
    assert capsys.readouterr().out.startswith("ACCEPT: llr ")
    assert main(["verify", "slt", str(voices["rms"].probe)]) == 1
    assert capsys.readouterr().out.startswith("REJECT: llr ")


def test_silence_has_no_number_and_status_1(
    slt: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "silence.wav"
    sf.write(path, np.zeros(48000), 16000)
    assert main(["verify", "slt", str(path), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "no_speech"
    assert document["score"] is document["llr"] is document["probability"] is None


def test_json_is_the_decision_and_the_question(
    slt: str, verifier: Verifier, store: VoiceprintStore, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["verify", "slt", slt, "--json"])
    decision = verifier.verify(store.load("slt"), slt)
    assert json.loads(capsys.readouterr().out) == {
        "reference": "slt",
        "probe": slt,
        "far": 0.01,
        **json.loads(json.dumps(asdict(decision))),
    }


def test_far_and_model_reach_the_decision(
    slt: str,
    verifier: Verifier,
    store: VoiceprintStore,
    edit_model: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    llr = verifier.verify(store.load("slt"), slt).llr
    assert llr is not None
    assert verifier.manifest.calibration is not None
    elsewhere = {"frr": 0.0, "llr_slope": 0.0, "frr_logit": -5.0, "frr_slope": 0.0}
    points = [
        {"far": 0.1, "llr": llr - 1, **elsewhere},
        {"far": 0.001, "llr": llr + 1, **elsewhere},
    ]
    calibration = {**asdict(verifier.manifest.calibration), "operating_points": points}
    arguments = ["slt", slt, "--model", str(edit_model(calibration=calibration))]
    assert main(["verify", *arguments, "--far", "0.1"]) == 0
    assert main(["verify", *arguments, "--far", "0.001"]) == 1
    identify = ["identify", slt, "slt", *arguments[2:]]
    assert main([*identify, "--far", "0.1"]) == 0
    assert main([*identify, "--far", "0.001"]) == 1
    capsys.readouterr()


def test_prior_and_costs_reach_the_decision(slt: str, capsys: pytest.CaptureFixture[str]) -> None:
    costs = ["--prior", "0.5", "--c-fa", "10"]
    for command in (["verify", "slt", slt], ["identify", slt, "slt"]):
        assert main([*command, *costs, "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert (document["prior"], document["c_miss"], document["c_fa"]) == (0.5, 1.0, 10.0)
        decision = document.get("decision", document)
        assert decision["threshold"] == pytest.approx(2.302585)
    assert main(["verify", "slt", slt, "--far", "0.01", *costs]) == 2
    assert "got both" in capsys.readouterr().err


def test_every_kind_of_reference(
    slt: str, voices: dict[str, Any], store: VoiceprintStore, tmp_path: Path
) -> None:
    store.load("slt").save(tmp_path / "copy.voiceprint")
    recording = voices["slt"].enroll[0]
    odd_name = tmp_path / "-odd:name.flac"  # not the name of a speaker, but that of a recording
    odd_name.symlink_to(recording)
    for reference in ("slt", "@slt", "copy.voiceprint", str(recording), str(odd_name)):
        assert main(["verify", reference, slt]) == 0, reference


def test_a_name_that_is_also_a_file_is_ambiguous(
    slt: str, voices: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "slt").symlink_to(voices["rms"].enroll[0])
    assert main(["verify", "slt", slt]) == 2
    message = capsys.readouterr().err
    assert "@slt" in message
    assert "./slt" in message
    assert main(["verify", "@slt", slt]) == 0
    assert main(["verify", "./slt", slt]) == 1


def test_another_folder_of_voiceprints(
    slt: str, store: VoiceprintStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    assert main(["verify", "slt", slt, "--voiceprints", str(other)]) == 2
    VoiceprintStore(other).save(store.load("slt"))
    assert main(["verify", "slt", slt, "--voiceprints", str(other)]) == 0


def test_an_unusable_reference_is_an_error(
    slt: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "silence.wav"
    sf.write(path, np.zeros(48000), 16000)
    assert main(["verify", str(path), slt]) == 2
    assert "no speech found" in capsys.readouterr().err


def test_adapt_stores_the_probe_only_on_request(
    voices: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    store = VoiceprintStore(tmp_path / "speakersdk" / "voiceprints")
    probe = str(voices["slt"].probe)
    assert main(["enroll", "slt", *map(str, voices["slt"].enroll)]) == 0
    assert main(["verify", "slt", probe]) == 0
    assert len(store.load("slt").adapted) == 0
    assert main(["verify", "slt", probe, "--adapt"]) == 0
    assert "adapted by" in capsys.readouterr().out
    assert len(store.load("slt").adapted) == 1
    assert main(["verify", "@slt", probe, "--adapt", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["adapted"] is False  # it is already part of it
    assert document["verdict"] == "inconclusive"
    assert main(["verify", "slt", str(voices["rms"].probe), "--adapt"]) == 1
    assert "not adapted" in capsys.readouterr().out
    assert len(store.load("slt").adapted) == 1
    assert main(["verify", probe, probe, "--adapt"]) == 2
    assert "expected an enrolled name with --adapt" in capsys.readouterr().err


def test_to_adapt_the_model_runs_on_the_probe_once(
    slt: str, store: VoiceprintStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    num_samples = []
    run = OnnxSession.run

    def counted(session: OnnxSession, feeds: dict[str, Any]) -> dict[str, Any]:
        num_samples.append(feeds[SAMPLES].size)
        return run(session, feeds)

    monkeypatch.setattr(OnnxSession, "run", counted)
    assert main(["verify", "slt", slt]) == 0
    without = sum(num_samples)
    num_samples.clear()
    assert main(["verify", "slt", slt, "--adapt"]) == 0
    assert sum(num_samples) == without > 0
    assert len(store.load("slt").adapted) == 1


def test_adaptations_by_two_processes_are_both_kept(
    verifier: Verifier, voices: dict[str, Any], store: VoiceprintStore
) -> None:
    first, *_ = voices["slt"].enroll
    store.save(verifier.enroll([first], name="slt"))
    known = store.load("slt")
    probes = [voices["slt"].enroll[1], voices["slt"].probe]
    adapted = [probe for probe in probes if verifier.adapt(known, probe).is_adapted]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "speakersdk", "verify", "slt", str(probe), "--adapt"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for probe in probes
    ]
    assert [process.wait() for process in processes] == [0, 0]
    assert len(adapted) == 2
    assert len(store.load("slt").adapted) == 2


def test_a_name_is_found_in_either_unicode_form(
    verifier: Verifier, voices: dict[str, Any], store: VoiceprintStore
) -> None:
    store.save(verifier.enroll(voices["slt"].enroll, name="Zoë"))
    for reference in ("Zoë", "Zoe\u0308", "@Zoe\u0308"):
        assert main(["verify", reference, str(voices["slt"].probe)]) == 0


def test_rejected_attempts_are_limited(
    slt: str, voices: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    stranger, own = str(voices["rms"].probe), slt
    for _ in range(3):  # an accepted attempt clears the count
        assert main(["verify", "slt", stranger, "--limit", "2"]) == 1
        assert main(["verify", "slt", own, "--limit", "2"]) == 0
    for _ in range(2):
        assert main(["verify", "slt", stranger, "--limit", "2"]) == 1
    assert main(["verify", "slt", own, "--limit", "2"]) == 2
    assert "was rejected 2 times in a row; try again in" in capsys.readouterr().err
    assert main(["verify", "slt", own]) == 0


def test_an_expired_voiceprint_decides_nothing(
    slt: str, verifier: Verifier, store: VoiceprintStore, capsys: pytest.CaptureFixture[str]
) -> None:
    voiceprint = store.load("slt")
    assert main(["profiles", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["last_used"] is None
    assert main(["verify", "slt", slt]) == 0
    capsys.readouterr()
    assert main(["profiles", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["last_used"] is not None
    expired = replace(voiceprint, expires_utc=voiceprint.created_utc)
    store.save(expired, replace=True)
    for arguments in (["verify", "slt", slt], ["verify", "@slt", slt], ["listen", "slt"]):
        assert main(arguments) == 2
        assert "the voiceprint of 'slt' expired at" in capsys.readouterr().err
    assert main(["identify", slt]) == 2
    assert "the first of 1 reason: the voiceprint of 'slt' expired" in capsys.readouterr().err
    with pytest.raises(ExpiredVoiceprintError, match="expired at"):
        verifier.verify(expired, slt)
    with pytest.raises(ExpiredVoiceprintError, match="expired at"):
        verifier.enroll([slt], name="slt", append_to=expired)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a" * 300, "slt-probe.flac"], "no voiceprint named 'aaa"),
        (["a" * 300 + ".wav", "slt-probe.flac"], "name too long"),
        (["slt-enroll-1.flac", "https://example.org/a.wav"], "it is an address"),
        (["slt-enroll-1.flac", "-"], "/dev/stdin is standard input"),
        (
            ["slt-enroll-1.flac", "slt-probe.flac", "--voiceprints", "slt-probe.flac"],
            "name a folder",
        ),
    ],
)
def test_what_is_neither_file_nor_folder_is_named(
    arguments: list[str],
    message: str,
    demo_clips: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(demo_clips)
    assert main(["verify", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", ["verify", "score"])
def test_a_missing_reference_is_reported_like_a_missing_probe(
    voices: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert main([command, "none.wav", str(voices["slt"].probe)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("speakersdk: error: cannot read audio from none.wav: No such file")
