"""``speakersdk calibrate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.cli import main


@pytest.fixture
def folder(voices: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four voices, three clips each, and a hidden file that is not a recording."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    for name, voice in voices.items():
        speaker = tmp_path / "own" / name
        speaker.mkdir(parents=True)
        for number, path in enumerate((*voice.enroll, voice.probe)):
            sf.write(speaker / f"{number}.wav", read_audio(path), SAMPLE_RATE_HZ)
        (speaker / ".DS_Store").write_bytes(b"\0")
    return tmp_path / "own"


def test_fit_store_and_use(
    folder: Path, voices: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", str(folder), "--name", "usb-mic", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["num_speakers"], document["num_recordings"]) == (4, 12)
    assert (document["num_target"], document["num_nontarget"]) == (12, 36)
    assert document["after"]["cllr"] < document["before"]["cllr"]
    path = tmp_path / "share" / "speakersdk" / "calibrations" / "usb-mic.calibration.json"
    assert document["path"] == str(path)

    question = ["verify", str(voices["slt"].enroll[0]), str(voices["slt"].probe), "--json"]
    assert main(question) == 0
    own = json.loads(capsys.readouterr().out)
    assert main([*question, "--calibration", "usb-mic"]) == 0
    fitted = json.loads(capsys.readouterr().out)
    expected = document["offset"] + document["scale"] * own["llr"]
    assert fitted["llr"] == pytest.approx(expected)

    assert main(["calibrate", str(folder), "--name", "usb-mic"]) == 2
    assert "--replace" in capsys.readouterr().err
    assert main(["calibrate", str(folder), "--name", "usb-mic", "--replace"]) == 0
    output = capsys.readouterr().out
    assert "4 speakers, 12 recordings, 12 target and 36 nontarget trials" in output
    assert output.splitlines()[-1] == f"stored in {path}"


def test_a_name_that_cannot_be_used_is_an_early_error(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["calibrate", str(folder), "--name", "usb-mic"]) == 0
    capsys.readouterr()
    for name, message in (
        ("usb-mic", "with --replace"),
        ("con", "Windows"),
        ("USB-mic", "a calibration named 'usb-mic' already exists, which differs only in case"),
    ):
        assert main(["calibrate", str(tmp_path / "empty"), "--name", name]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize("output", [[], ["--json"]])
def test_a_calibration_that_cannot_be_stored_costs_no_report(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], output: list[str]
) -> None:
    (tmp_path / "share" / "speakersdk" / "calibrations" / ".lock").mkdir(parents=True)
    assert main(["calibrate", str(folder), "--name", "usb-mic", *output]) == 2
    printed = capsys.readouterr()
    if output:
        assert json.loads(printed.out)["path"] is None
    else:
        assert "yours, on speakers left out" in printed.out
        assert "stored" not in printed.out
    assert printed.err.count("\n") == 1
    assert ".lock: Is a directory" in printed.err


def test_without_a_name_nothing_is_stored(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", str(folder)]) == 0
    assert "nothing stored; --name" in capsys.readouterr().out
    assert not (tmp_path / "share").exists()


def test_mixed_up_folders_are_refused_with_the_overlap(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed = tmp_path / "mixed"
    for number, path in enumerate(sorted(folder.rglob("*.wav"))):
        target = mixed / f"somebody {number % 3}" / f"{number}.wav"
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    assert main(["calibrate", str(mixed), "--name", "usb-mic"]) == 2
    error = capsys.readouterr().err
    assert "same other" in error
    assert error.splitlines()[-1].startswith("speakersdk: error: expected recordings that tell")
    assert not (tmp_path / "share").exists()


def test_too_little_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", str(folder / "slt")]) == 2
    assert "one sub-folder for each speaker" in capsys.readouterr().err
    assert main(["calibrate", str(tmp_path / "missing")]) == 2
    assert "expected a folder" in capsys.readouterr().err
    (folder / "slt" / "0.wav").unlink()
    assert main(["calibrate", str(folder)]) == 2
    assert "got 4 such speakers with 11 recordings; record more" in capsys.readouterr().err


def test_an_unknown_calibration_is_named(
    folder: Path, voices: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    probe = str(voices["slt"].probe)
    assert main(["verify", probe, probe, "--calibration", "none"]) == 2
    assert "make one: speakersdk calibrate" in capsys.readouterr().err


def test_a_recording_that_cannot_be_read_is_named_and_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "slt" / "notes.txt").write_text("no recording")
    (folder / "rms" / "cut.wav").write_bytes((folder / "rms" / "0.wav").read_bytes()[:40])
    assert main(["calibrate", str(folder), "--json"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["num_recordings"] == 12
    names = [Path(failure["name"]).name for failure in document["failed"]]
    assert names == ["cut.wav", "notes.txt"]
    assert captured.err.count("\n") == 2


def test_recordings_that_give_no_trials_are_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = read_audio(folder / "slt" / "0.wav")
    sf.write(folder / "slt" / "copy of 0.flac", samples, SAMPLE_RATE_HZ)
    sf.write(folder / "slt" / "silent.wav", 0 * samples, SAMPLE_RATE_HZ)
    (folder / "one").mkdir()
    sf.write(folder / "one" / "half.wav", samples[: len(samples) // 2], SAMPLE_RATE_HZ)
    assert main(["calibrate", str(folder), "--json"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert (document["num_speakers"], document["num_recordings"]) == (4, 12)
    slt = folder / "slt"
    assert captured.err.splitlines() == [
        f"{slt / 'copy of 0.flac'}: it is the same recording as {slt / '0.wav'}",
        f"{slt / 'silent.wav'}: expected 0.8 s of speech or more, got 0.0 s",
        "one: expected two recordings or more of a speaker, got 1",
    ]
    assert [failure["name"] for failure in document["failed"]] == [
        str(slt / "copy of 0.flac"), str(slt / "silent.wav"), "one"
    ]  # fmt: skip


def test_one_recording_of_two_speakers_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "slt" / "9.wav").write_bytes((folder / "rms" / "0.wav").read_bytes())
    assert main(["calibrate", str(folder)]) == 2
    assert "expected different recordings of 'rms' and 'slt'" in capsys.readouterr().err


def test_a_rate_that_the_model_cannot_support_is_an_early_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "slt" / "notes.txt").write_text("it would be named if recordings were read")
    for rate in ("2", "nan"):
        assert main(["calibrate", str(folder), "--far", rate]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_copies_of_strangers_are_left_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "copy.wav").write_bytes((folder / "rms" / "0.wav").read_bytes())
    assert main(["calibrate", str(folder), "--strangers"]) == 2
    copied, *_, few = capsys.readouterr().err.splitlines()
    assert copied.endswith(f"it is the same recording as {folder / 'copy.wav'}")
    assert "got 5 with 56 pairs" in few  # of 12 recordings, without those inside the four folders


def test_a_limit_of_duration_leaves_out_what_is_longer(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples, rate_hz = sf.read(folder / "slt" / "0.wav", dtype="float32")
    sf.write(folder / "slt" / "long.wav", np.tile(samples, 20), rate_hz)
    assert main(["calibrate", str(folder), "--json", "--max-duration", "30"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [Path(failure["name"]).name for failure in document["failed"]] == ["long.wav"]
    assert "at most 30 s of audio" in document["failed"][0]["reason"]
    assert main(["calibrate", str(folder), "--max-duration", "-5"]) == 2


def test_a_copy_of_other_level_and_format_is_found(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was a recording of its own, and in another folder it spoiled the fit."""
    samples = read_audio(folder / "slt" / "0.wav")
    sf.write(folder / "slt" / "copy.flac", samples / 2, SAMPLE_RATE_HZ)
    (folder / "outside.wav").write_bytes((folder / "slt" / "0.wav").read_bytes())
    assert main(["calibrate", str(folder)]) == 0
    error = capsys.readouterr().err
    assert "copy.flac: it is the same recording as" in error
    assert "outside.wav: it belongs to no speaker; put it into the speaker's sub-folder" in error
    (folder / "slt" / "copy.flac").rename(folder / "rms" / "copy.flac")
    assert main(["calibrate", str(folder)]) == 2
    assert "expected different recordings of 'rms' and 'slt'" in capsys.readouterr().err
