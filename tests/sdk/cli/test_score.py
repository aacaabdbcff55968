"""``speakersdk score``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speakersdk.cli import main
from speakersdk.verifier import Verifier


def test_score_of_two_recordings(
    verifier: Verifier, voices: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = str(voices["slt"].probe), str(voices["rms"].probe)
    assert main(["score", a, b]) == 0
    assert capsys.readouterr().out == f"{verifier.score(a, b):.6g}\n"
    assert main(["score", a, b, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"a": a, "b": b, "score": verifier.score(a, b)}


def test_score_of_a_voiceprint(
    verifier: Verifier, voices: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    voiceprint = verifier.enroll(voices["slt"].enroll, name="slt")
    path = tmp_path / "slt.voiceprint"
    voiceprint.save(path)
    probe = str(voices["slt"].probe)
    assert main(["score", str(path), probe]) == 0
    assert capsys.readouterr().out == f"{verifier.score(voiceprint, probe):.6g}\n"


def test_an_uncalibrated_model_still_scores(
    voices: dict[str, Any], edit_model: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    probe = str(voices["slt"].probe)
    model = str(edit_model(calibration=None))
    assert main(["score", probe, probe, "--model", model]) == 0
    assert capsys.readouterr().out == "0\n"
    assert main(["verify", probe, probe, "--model", model]) == 2
    assert "without calibration" in capsys.readouterr().err
