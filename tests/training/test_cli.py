"""The command line: fit, evaluate, speech-labels; an error is one line and status 2."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from speakersdk_training.cli import main

Write = Callable[[], Path]


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
