"""``speakersdk-export adopt`` on the command line."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from speakersdk_export.adopt.families import family_of
from speakersdk_export.cli import main

pytestmark = pytest.mark.export


def test_a_published_file_becomes_a_model_file(
    publish: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "adopted.onnx"
    command = ["adopt", str(publish()), "--family", "3d-speaker", "-o", str(output)]
    assert main([*command, "--unchecked", "--uncalibrated"]) == 0
    printed = capsys.readouterr().out
    assert "golden vector: unchecked" in printed
    assert "scores and no decisions" in printed
    assert output.is_file()


def test_info_shows_only_the_front_end_of_the_published_code(
    adopt: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = adopt()
    assert main(["info", str(path)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert "frontend" not in shown
    assert shown["origin"]["front_end"] == asdict(family_of("3d-speaker", {}).front_end)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--unchecked"], "either calibration trials"),
        (["--unchecked", "--trials", "a.txt"], "together; add the missing ones"),
        (["--uncalibrated"], "--golden --unchecked is required"),
    ],
)
def test_what_is_missing_is_named(
    options: list[str],
    problem: str,
    publish: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["adopt", str(publish()), "--family", "3d-speaker", "-o", str(tmp_path / "a.onnx")]
    try:
        status = main([*command, *options])
    except SystemExit as end:
        status = int(str(end.code))
    assert status == 2
    assert problem in capsys.readouterr().err
