"""Exit status, streams and signals of a command line, with real processes where necessary."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from speakersdk.cli.parser import CommandParser
from speakersdk.cli.program import (
    FAILED,
    INTERNAL_ERROR,
    INTERRUPTED,
    STDOUT_CLOSED,
    one_line,
    run_program,
)
from speakersdk.errors import ConfigError

Fail = Callable[..., int]


def fail_with(error: BaseException) -> Callable[[], CommandParser]:
    """A program with one command, which raises."""

    def run(_: argparse.Namespace) -> int:
        raise error

    def build() -> CommandParser:
        parser = CommandParser(prog="program")
        parser.add_command("go", "raise it", run)
        return parser

    return build


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ConfigError("one\n  two"), FAILED, "program: error: one two\n"),
        (FileNotFoundError(2, "No such file", "x"), FAILED, "program: error: x: No such file\n"),
        (OSError(28, os.strerror(28)), FAILED, "the output cannot be written: No space left"),
        (OSError(28, os.strerror(28), "x"), FAILED, "program: error: x: No space left on device; "),
        (MemoryError(), FAILED, "program: error: not enough memory"),
        (ModuleNotFoundError("x", name="torch"), FAILED, 'pip install "speakersdk[plus]"'),
        (ModuleNotFoundError("x", name="speakersdk.x"), INTERNAL_ERROR, "internal error"),
        (ValueError("a\x1b[2Jb"), INTERNAL_ERROR, "internal error: ValueError: a\\x1b[2Jb; "),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "why"), INTERNAL_ERROR, "speakersdk doctor"),
        (RecursionError(), INTERNAL_ERROR, "--debug"),
        (BrokenPipeError(), STDOUT_CLOSED, ""),
        (KeyboardInterrupt(), INTERRUPTED, ""),
    ],
)
def test_every_error_has_its_status_and_one_line(
    error: BaseException, status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program("program", fail_with(error), ["go"], extra="plus") == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == bool(message)


def test_an_interrupt_that_a_library_wrapped_is_an_interrupt(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = ImportError("cannot import")
    error.__cause__ = KeyboardInterrupt()
    assert run_program("program", fail_with(error), ["go"]) == INTERRUPTED
    assert capsys.readouterr().err == ""


def test_an_error_whose_causes_are_a_cycle_is_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error, cause = ValueError("why"), RuntimeError("how")
    error.__cause__, cause.__context__ = cause, error
    assert run_program("program", fail_with(error), ["go"]) == INTERNAL_ERROR
    assert "internal error: ValueError: why; " in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--debug", "go"], ["go", "--debug"]])
def test_debug_shows_the_traceback_before_and_after_the_command(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status = run_program("program", fail_with(ValueError("why")), arguments)
    assert status == INTERNAL_ERROR
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert error.splitlines()[-1].startswith("program: internal error: ValueError: why")


def test_text_for_a_terminal_holds_nothing_that_it_obeys() -> None:
    assert one_line(" a\n\tb \r\n c ") == "a b c"
    assert one_line("/calls/ann  2\t.wav: No such file") == "/calls/ann  2\\t.wav: No such file"
    assert one_line("bob\x1b[31m\udcff\u200b é") == "bob\\x1b[31m\\udcff\\u200b é"


@pytest.fixture
def verify(default_model: Path, demo_clips: Path, tmp_path: Path) -> Callable[[str], int]:
    """Run a shell line; $VERIFY is the command with a reference of slt."""

    def run(line: str) -> int:
        command = f"{sys.executable} -m speakersdk verify slt-enroll-1.flac"
        environment = {
            **os.environ,
            "VERIFY": command,
            "XDG_DATA_HOME": str(tmp_path),
            "OUTPUT": str(tmp_path / "output"),
        }
        return subprocess.run(
            ["sh", "-c", line], cwd=demo_clips, env=environment, check=False, timeout=60
        ).returncode

    return run


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("exec $VERIFY slt-probe.flac <&- >&- 2>&-", 0),
        ("exec $VERIFY rms-probe.flac <&- >&- 2>&-", 1),
        ("exec $VERIFY none.flac >&- 2>&-", FAILED),
        ("exec $VERIFY slt-probe.flac >$OUTPUT 2>/dev/full", 0),
        ("exec $VERIFY none.flac 2>/dev/full", FAILED),
        ("exec $VERIFY --nonsense 2>&-", FAILED),
        ("exec $VERIFY slt-probe.flac >/dev/full 2>&-", FAILED),
    ],
)
def test_streams_that_are_missing_or_full_change_no_status(
    verify: Callable[[str], int], line: str, status: int
) -> None:
    assert verify(line) == status


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is of Linux")
def test_no_file_gets_the_number_of_a_missing_stream() -> None:
    """The null device was closed again, and messages could be written into the next file."""
    code = """
import os
from argparse import Namespace
from types import SimpleNamespace
from speakersdk.cli.program import run_program

def run(_: Namespace) -> int:
    print(*(os.readlink(f"/proc/self/fd/{number}") for number in (0, 2)))
    return 0

parser = SimpleNamespace(parse_args=lambda _: Namespace(run=run))
run_program("speakersdk", lambda: parser, None)
"""
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" <&- 2>&-', sys.executable, code],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.stdout == f"{os.devnull} {os.devnull}\n"


def test_an_error_never_goes_to_stdout(verify: Callable[[str], int], tmp_path: Path) -> None:
    assert verify("exec $VERIFY none.flac >$OUTPUT 2>&-") == FAILED
    assert (tmp_path / "output").read_bytes() == b""


@pytest.mark.parametrize("moment", ["program", "parser", "arguments", "commands", "demo"])
def test_an_interrupt_during_imports_is_quiet(moment: str, tmp_path: Path) -> None:
    """The signal comes when a module is about to be imported, at any time of the start."""
    (tmp_path / "sitecustomize.py").write_text(
        f"""
import os, signal, sys

class Interrupt:
    def find_spec(self, name, *_):
        if name == "speakersdk.cli.{moment}":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
"""
    )
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "speakersdk", "demo"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (INTERRUPTED, b"", b"")
