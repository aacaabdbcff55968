"""The command line: fit, evaluate, speech-labels; an error is one line and status 2."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from speakersdk_training.checkpoint import (
    config_to_dict,
    load_encoder,
    make_encoder,
    save_checkpoint,
)
from speakersdk_training.cli import main
from speakersdk_training.config import config_from_dict

Write = Callable[[], Path]


@pytest.fixture
def config_file(tiny_values: dict[str, Any], tmp_path: Path) -> Path:
    """The tiny configuration as TOML; lists, texts and numbers of JSON are valid TOML."""
    lines = []
    for section, content in tiny_values.items():
        for table in content if isinstance(content, list) else [content]:
            lines.append(f"[[{section}]]" if isinstance(content, list) else f"[{section}]")
            lines += [f"{key} = {json.dumps(table[key])}" for key in table if key != "corpora"]
    lines += ["[[data.corpora]]", f"root = {json.dumps(tiny_values['data']['corpora'][0]['root'])}"]
    path = tmp_path / "config.toml"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def checkpoint(tiny_values: dict[str, Any], tmp_path: Path) -> Path:
    """An untrained encoder's checkpoint."""
    config = config_from_dict(tiny_values)
    path = tmp_path / "untrained.pt"
    content = {
        "config": config_to_dict(config),
        "step": 0,
        "averaged": make_encoder(config).state_dict(),
        "training_corpora": ["voices"],
        "metrics": {},
    }
    save_checkpoint(path, content)
    return path


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


def test_wccn_writes_another_encoder(checkpoint: Path, tmp_path: Path) -> None:
    output = tmp_path / "normalized.pt"
    command = ["wccn", str(checkpoint), "-o", str(output), "--device", "cpu", "--seconds", "0.5"]
    assert main(command) == 0
    (before, _), (after, info) = load_encoder(checkpoint), load_encoder(output)
    assert info.name == "tiny"
    samples = 0.1 * torch.randn(2, 8000, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert not torch.allclose(before.embed(samples), after.embed(samples))


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


def arguments(case: str, config_file: Path, checkpoint: Path, folder: Path) -> list[str]:
    fit = ["fit", str(config_file), "-o", str(folder / "run")]
    junk = folder / "junk.pt"
    junk.write_text("junk")
    return {
        "no configuration": ["fit", str(folder / "none.toml"), "-o", str(folder / "run")],
        "unknown key": [*fit, "--set", "run.stesp=3"],
        "value out of range": [*fit, "--set", "run.batch_size=0"],
        "nothing to resume": [*fit, "--resume"],
        "no corpus": [*fit, "--set", 'data.corpora=[{root="none"}]'],
        "no noise": [*fit, "--set", "data.noise=none"],
        "unknown device": [*fit, "--set", "run.device=gpu"],
        "no checkpoint": ["evaluate", str(folder / "none.pt")],
        "not a checkpoint": ["evaluate", str(junk)],
        "bad device": ["evaluate", str(checkpoint), "--device", "cpu:x"],
        "unknown layout": ["speech-labels", str(folder), "-o", "x.npz", "--layout", "timit"],
        "nowhere to write": [
            "speech-labels", str(folder), "-o", str(folder / "none" / "x.npz"),
            "--layout", "folders",
        ],
    }[case]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("no configuration", "expected a training configuration at"),
        ("unknown key", "unknown key 'stesp'"),
        ("value out of range", "run.batch_size >= 2"),
        ("nothing to resume", "expected a checkpoint at"),
        ("no corpus", "expected a corpus folder at none"),
        ("no noise", "expected audio files in none"),
        ("unknown device", "got 'gpu'"),
        ("no checkpoint", "expected a checkpoint at"),
        ("not a checkpoint", "is not a checkpoint"),
        ("bad device", "got 'cpu:x'"),
        ("unknown layout", "got 'timit'"),
        ("nowhere to write", "expected a folder at"),
    ],
)
def test_an_error_is_one_line_and_status_2(
    case: str,
    message: str,
    config_file: Path,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(arguments(case, config_file, checkpoint, tmp_path)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    line = captured.err.splitlines()[-1]
    assert line.startswith("speakersdk-train: ")
    assert message in line
    assert "Traceback" not in captured.err


def test_trials_that_are_gone_are_named(
    checkpoint: Path, trial_files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    trials = Path(trial_files["trials"])
    hidden = trials.rename(trials.with_suffix(".hidden"))
    try:
        assert main(["evaluate", str(checkpoint), "--device", "cpu"]) == 2
    finally:
        hidden.rename(trials)
    assert "trials.txt, found none" in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["fit"], ["fit", "a.toml"], ["measure"]])
def test_usage_errors_have_status_2(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(command)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("speakersdk-train")
    assert error.count("\n") == 1


def test_without_torch_the_command_says_what_to_install(config_file: Path) -> None:
    """Run in another process, where importing torch fails as if it were not installed."""
    program = (
        "import sys; sys.modules['torch'] = None; from speakersdk_training.cli import main; "
        f"sys.exit(main(['fit', {str(config_file)!r}, '-o', 'x']))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr == (
        'speakersdk-train: error: torch is missing; pip install "speakersdk[training]"\n'
    )


def test_module_runs_as_the_command() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "speakersdk_training", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "usage: speakersdk-train" in result.stdout
