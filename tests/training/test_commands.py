"""What the commands do and print: fit, evaluate, speech-head, speech-labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from speakersdk_training.cli import main


def test_fit_then_evaluate(
    config_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main(["fit", str(config_file), "-o", str(run), "--set", "run.steps=3"]) == 0
    metrics = json.loads((run / "metrics.jsonl").read_text())
    assert metrics["step"] == 3
    assert main(["fit", str(config_file), "-o", str(run), "--set", "run.steps=3", "--resume"]) == 0
    capsys.readouterr()

    assert main(["evaluate", str(run / "checkpoint.pt"), "--device", "cpu", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["name"], document["step"]) == ("tiny", 3)
    assert document["trials"] == {"halves": metrics["halves"]}

    assert main(["evaluate", str(run / "checkpoint.pt"), "--device", "cpu"]) == 0
    output = capsys.readouterr().out
    assert output.startswith(f"halves: EER {100 * metrics['halves']['eer']:.2f} % (cosine ")
    assert output.endswith("24 target and 96 nontarget trials\n")


def test_speech_head_needs_speech_labels(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "headed.pt"
    assert main(["speech-head", str(checkpoint), "-o", str(output), "--device", "cpu"]) == 2
    assert "data.speech_labels" in capsys.readouterr().err
    assert not output.exists()


def test_speech_labels(
    demo_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    speaker = tmp_path / "corpus" / "slt"
    speaker.mkdir(parents=True)
    (speaker / "1.flac").write_bytes((demo_clips / "slt-probe.flac").read_bytes())
    output = tmp_path / "labels"  # exactly this name
    command = ["speech-labels", str(speaker.parent), "-o", str(output), "--layout", "folders"]
    assert main(command) == 0
    with np.load(output) as labels:
        assert labels.files == ["slt/1.flac"]
        assert (labels["slt/1.flac"] > 128).mean() > 0.7  # a sentence without much around it
    assert capsys.readouterr().out == ""
