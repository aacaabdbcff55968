"""Importing and verifying leave no file behind and open no socket.

onnxruntime keeps a device id and a database below HOME and starts an uploader, unless its telemetry
is switched off before it is imported. It is silent where it finds a CI variable. Therefore these
tests run without such variables, and positive controls show that they would notice.
"""

from __future__ import annotations

import ast
import os
import platform
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from speakersdk.demo_clips import FOLDER

# All steps of a user, one command after the other in one process. It prints the exit statuses.
COMMANDS = """
import contextlib, io, sys
from speakersdk.cli import main
enrolled, probe = sys.argv[1:]
statuses = []
for command in (
    ["enroll", "slt", enrolled], ["verify", "slt", probe], ["identify", probe],
    ["listen", "--input", probe, "--fast", "slt"], ["warmup"], ["doctor"], ["profiles"],
):
    with contextlib.redirect_stdout(io.StringIO()):
        statuses.append(main(command))
print(statuses)
"""
# Variables that identify continuous integration, where onnxruntime is silent.
CI_VARIABLES = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "BUILD_ID")
VERIFY = """
import sys
from speakersdk import Verifier
model, enrolled, probe = sys.argv[1:]
verifier = Verifier(model)
verifier.verify(verifier.enroll([enrolled], name="slt"), probe)
"""
# From here on, the kernel kills the process if any code in it, also native code, makes a socket.
NO_SOCKETS = """
import ctypes, platform, struct
SOCKET = {"x86_64": 41, "aarch64": 198}[platform.machine()]
program = b"".join(struct.pack("HBBI", *instruction) for instruction in (
    (0x20, 0, 0, 0),           # load the number of the system call
    (0x15, 0, 1, SOCKET),      # if it is socket:
    (0x06, 0, 0, 0x80000000),  #     kill the process
    (0x06, 0, 0, 0x7FFF0000),  # allow it
))
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]
instructions = ctypes.create_string_buffer(program)
filter = Program(len(program) // 8, ctypes.addressof(instructions))
prctl = ctypes.CDLL(None, use_errno=True).prctl
if prctl(38, 1, 0, 0, 0) or prctl(22, 2, ctypes.byref(filter), 0, 0):  # NO_NEW_PRIVS, SECCOMP
    sys.exit(f"no seccomp filter: errno {ctypes.get_errno()}")
"""
SECCOMP = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in {"x86_64", "aarch64"},
    reason="the filter is written for Linux on x86-64 and ARM",
)


def run(
    code: str, folder: Path, *arguments: Any, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run code in a process with `folder` as its only folder, and with only these variables."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            **environment,
        },
    )


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def recordings() -> tuple[Path, Path]:
    return FOLDER / "slt-enroll-1.flac", FOLDER / "slt-probe.flac"


def test_verify_leaves_no_file(
    tmp_path: Path, default_model: Path, recordings: tuple[Path, Path]
) -> None:
    done = run(VERIFY, tmp_path, default_model, *recordings)
    assert (done.returncode, done.stderr) == (0, "")
    assert files(tmp_path) == []


def test_control_telemetry_that_the_user_switched_on_leaves_files(
    tmp_path: Path, default_model: Path, recordings: tuple[Path, Path]
) -> None:
    done = run(VERIFY, tmp_path, default_model, *recordings, ORT_DISABLE_TELEMETRY="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "deviceid" in files(tmp_path)


def test_no_command_leaves_a_file_but_the_voiceprint_and_the_day_of_its_last_use(
    tmp_path: Path, recordings: tuple[Path, Path]
) -> None:
    done = run(COMMANDS, tmp_path, *recordings)
    assert (done.returncode, done.stdout) == (0, f"{[0] * 7}\n"), done.stderr
    # The lock is documented in docs/formats/voiceprint.md; it only shows that it exists.
    assert files(tmp_path) == [".lock", ".uses.json", "slt.voiceprint"]
    (uses,) = tmp_path.rglob(".uses.json")
    assert re.fullmatch(r'\{"used": \{"slt": "[0-9-]{10}"\}, "version": 1\}', uses.read_text())
    (lock,) = tmp_path.rglob(".lock")
    assert lock.stat().st_size == 0


def test_control_commands_with_telemetry_on_leave_files(
    tmp_path: Path, recordings: tuple[Path, Path]
) -> None:
    done = run(COMMANDS, tmp_path, *recordings, ORT_DISABLE_TELEMETRY="0")
    assert done.returncode == 0, done.stderr
    assert "deviceid" in files(tmp_path)


def test_no_test_here_runs_as_continuous_integration(tmp_path: Path) -> None:
    done = run("import os; print(sorted(os.environ))", tmp_path)
    assert not set(CI_VARIABLES) & set(ast.literal_eval(done.stdout))


@SECCOMP
def test_no_command_opens_a_socket(tmp_path: Path, recordings: tuple[Path, Path]) -> None:
    done = run("import sys\n" + NO_SOCKETS + COMMANDS, tmp_path, *recordings)
    assert (done.returncode, done.stdout) == (0, f"{[0] * 7}\n"), done.stderr


@SECCOMP
def test_verify_opens_no_socket(
    tmp_path: Path, default_model: Path, recordings: tuple[Path, Path]
) -> None:
    done = run("import sys\n" + NO_SOCKETS + VERIFY, tmp_path, default_model, *recordings)
    assert (done.returncode, done.stderr) == (0, "")


@SECCOMP
def test_control_a_socket_is_noticed(tmp_path: Path) -> None:
    done = run("import sys\n" + NO_SOCKETS + "import socket; socket.socket()", tmp_path)
    assert done.returncode == -signal.SIGSYS
