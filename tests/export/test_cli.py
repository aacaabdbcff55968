import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speakersdk.cli.program import INTERRUPTED
from speakersdk_export.calibrate import CalibrationTrials
from speakersdk_export.cli import main
from speakersdk_training.checkpoint import config_to_dict, save_checkpoint
from speakersdk_training.config import CorpusConfig, DataConfig, RunConfig, TrainConfig
from speakersdk_training.models.tdnn import TdnnEncoder

pytestmark = pytest.mark.export
MODELS = Path(__file__).parents[1] / "data" / "models"


@pytest.fixture
def checkpoint(tdnn: TdnnEncoder, small: dict[str, Any], tmp_path: Path) -> Path:
    """The files that training writes."""
    config = TrainConfig(
        run=RunConfig(name="from-training"),
        data=DataConfig(corpora=(CorpusConfig(root="corpus-a"),), speech_labels="labels.npz"),
        frontend=small["FRONTEND"],
        tdnn=small["TDNN"],
    )
    path = tmp_path / "run" / "checkpoint.pt"
    content = {
        "config": config_to_dict(config),
        "averaged": tdnn.state_dict(),
        "step": 3,
        "training_corpora": ["corpus-a"],
        "metrics": {},
    }
    save_checkpoint(path, content)
    return path


def test_a_checkpoint_becomes_a_model_file(
    checkpoint: Path,
    tmp_path: Path,
    clip_trials: CalibrationTrials,
    demo_clips: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "model.onnx"
    arguments = ["model", checkpoint, "-o", path, "--speech", demo_clips / "slt-probe.flac"]
    arguments += ["--trials", *clip_trials.lists, "--segments", *clip_trials.segments]
    arguments += ["--audio-root", clip_trials.root]
    assert main([str(argument) for argument in arguments]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "torch against onnxruntime, 20 s, batch 8: " in printed.out
    assert "calibration: 24 target and 108 nontarget trials" in printed.out
    assert f"wrote {path}: from-training, " in printed.out

    assert main(["check", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: from-training, stateful, valid\n"

    assert main(["info", str(path)]) == 0
    manifest = json.loads(capsys.readouterr().out)
    assert manifest["training_corpora"] == ["corpus-a"]
    assert manifest["has_speech_head"] is True
    assert manifest["calibration"]["num_target"] == 24


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model", "absent.pt", "-o", "model.onnx"], "absent.pt"),
        (["model", "absent.pt", "-o", "model.onnx", "--trials", "list.txt"], "--segments"),
        (["check", "absent.onnx"], "absent.onnx"),
        (["info", "absent.onnx"], "absent.onnx"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("speakersdk-export: ")
    assert printed.err.count("\n") == 1
    assert message in printed.err
    assert list(tmp_path.iterdir()) == []


def test_thresholds_are_not_computed_for_a_place_that_cannot_be_written(
    default_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["thresholds", str(default_model), "--corpus", "absent", "-o", str(tmp_path)]
    assert main(arguments) == 2
    assert (
        capsys.readouterr().err
        == f"speakersdk-export: error: {tmp_path}: Is a directory; name a file\n"
    )


def test_without_the_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "speakersdk_export.model_file", raising=False)
    assert main(["check", str(MODELS / "stateful.onnx")]) == 2
    assert 'pip install "speakersdk[export]"' in capsys.readouterr().err


def test_an_interrupt_during_the_import_of_torch_raises_nothing_in_it(tmp_path: Path) -> None:
    """The compiled part of torch aborts the process at an exception."""
    (tmp_path / "sitecustomize.py").write_text(
        """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, *_):
        if name == "torch":
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                os.abort()

sys.meta_path.insert(0, Interrupt())
"""
    )
    program = "from speakersdk_export.cli import main; raise SystemExit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "model", "absent.pt", "-o", str(tmp_path / "m.onnx")],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, b"", b"")


def test_info_needs_no_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["info", str(MODELS / "stateful.onnx")]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "test-stateful"


@pytest.mark.parametrize("command", ["info", "check"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:0], "the file is empty; get it again"),
        (lambda content: content[:1000], "truncated or damaged; get it again"),
        (lambda content: content[:5000] + b"?" + content[5001:], "get the file again"),
    ],
)
def test_a_damaged_model_file_has_no_manifest(
    command: str,
    change: Callable[[bytes], bytes],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(change((MODELS / "stateful.onnx").read_bytes()))
    assert main([command, str(path)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert message in output.err
    assert output.err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--layout", "tapes"], "expected a layout among"),
        (["--split", "moon"], "expected training utterances"),
    ],
)
def test_quantize_without_usable_speech_is_one_line(
    options: list[str],
    message: str,
    clip_trials: CalibrationTrials,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "manifest.jsonl").write_text("")
    arguments = ["quantize", MODELS / "stateful.onnx", "-o", tmp_path / "out.onnx", *options]
    arguments += ["--corpus", tmp_path / "corpus", "--audio-root", clip_trials.root]
    arguments += ["--trials", *clip_trials.lists, "--segments", *clip_trials.segments]
    assert main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.onnx").exists()


@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_a_model_that_cannot_be_converted_is_refused_before_the_speech_is_read(
    precision: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["quantize", str(MODELS / "windowed.onnx"), "-o", str(tmp_path / "out.onnx")]
    arguments += ["--precision", precision, "--corpus", "absent", "--audio-root", "absent"]
    assert main([*arguments, "--trials", "absent", "--segments", "absent"]) == 2
    assert "which is windowed; adopted models cannot be converted" in capsys.readouterr().err


def test_thresholds_name_the_layout_of_the_corpora(
    default_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.onnx"
    arguments = ["thresholds", str(default_model), "--corpus", str(tmp_path), "-o", str(output)]
    assert main(arguments) == 2
    assert "the layout packs, which docs/training.md describes" in capsys.readouterr().err
    assert not output.exists()
