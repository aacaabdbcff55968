"""``speakersdk demo``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from speakersdk.cli import main
from speakersdk.verifier import Verifier


def test_every_decision_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["num_right"] == len(document["trials"]) == 16
    assert sum(trial["verdict"] == "accept" for trial in document["trials"]) == 4
    # The seconds are rounded to nanoseconds.
    assert document["rtf"] == pytest.approx(document["processing_s"] / document["audio_s"])


def test_text_shows_decisions_time_and_real_time_factor(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["demo"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "probe\tenrolled\tverdict\tscore\tllr\tright"
    assert len(lines) == 1 + 16 + 2
    assert "real-time factor 0." in lines[-1]


def test_a_wrong_decision_is_status_1(
    verifier: Verifier, edit_model: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert verifier.manifest.calibration is not None
    calibration = asdict(verifier.manifest.calibration)
    accepts_all = edit_model(calibration={**calibration, "offset": 999.0})
    assert main(["demo", "--model", str(accepts_all), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["num_right"] == 4
    assert [trial["is_right"] for trial in document["trials"]].count(False) == 12
