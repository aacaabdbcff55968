"""``speakersdk quality``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk.cli import main


def test_good_recordings_have_figures_and_no_problems(
    voices: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(path) for path in voices["slt"].enroll]
    assert main(["quality", *paths]) == 0
    header, *rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert header[0] == "recording"
    assert [(row[0], row[-1]) for row in rows] == [(path, "none") for path in paths]
    assert all(float(row[1]) > 0.8 for row in rows)


def test_a_stranger_a_short_one_and_a_loud_one_are_named(
    voices: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples, rate_hz = sf.read(voices["slt"].probe)
    loud, short = tmp_path / "loud.wav", tmp_path / "short.wav"
    sf.write(loud, np.clip(30 * samples, -1, 1), rate_hz)
    sf.write(short, samples[: rate_hz // 4], rate_hz)
    paths = [*voices["slt"].enroll, voices["rms"].probe, loud, short]
    arguments = ["quality", *map(str, paths)]
    assert main([*arguments, "--json"]) == 1
    documents = json.loads(capsys.readouterr().out)
    problems = [document["problems"] for document in documents]
    assert problems[:2] == [[], []]
    assert "unlike-others" in problems[2]
    assert "clipped" in problems[3]
    assert "expected at least" in documents[4]["shortage"]
    assert main(arguments) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"{loud}: clipped (") for line in lines)
    assert any(line.startswith(f"{short}: expected at least") for line in lines)


def test_an_unreadable_recording_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quality", str(tmp_path / "missing.wav")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_an_unreadable_recording_does_not_hide_others(
    demo_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = [str(demo_clips / f"slt-enroll-{number}.flac") for number in (1, 2)]
    recordings = [clips[0], str(tmp_path / "absent.wav"), clips[1]]
    assert main(["quality", *recordings, "--json"]) == 1
    first, absent, last = json.loads(capsys.readouterr().out)
    assert [first["is_usable"], absent["is_usable"], last["is_usable"]] == [True, False, True]
    assert absent["failure"].startswith("cannot read audio from")
    assert first["others_llr"] is not None
    assert main(["quality", *recordings]) == 1
    output = capsys.readouterr().out
    assert "unreadable" in output
    assert "absent.wav: cannot read audio from" in output
    assert main(["quality", recordings[1]]) == 2
    assert "No such file" in capsys.readouterr().err
