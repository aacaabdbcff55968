from __future__ import annotations

import json

import pytest

from speakersdk.cli import main
from speakersdk.diagnosis import diagnose


def test_json_is_the_diagnosis(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == diagnose()


def test_people_read_one_line_for_each_fact(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "telemetry.is_off: True" in lines
    assert any(line.startswith("onnxruntime.compiled_in: ") for line in lines)
    assert all(": " in line for line in lines)


def test_a_broken_model_is_a_finding_and_no_failure(
    capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    assert main(["doctor", "--model", f"{tmp_path}/absent.onnx"]) == 0
    assert "model.error: InferenceError: " in capsys.readouterr().out
