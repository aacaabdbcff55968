"""Tasks in processes: all results, every error is passed on, and nothing hangs."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from speakersdk.errors import ConfigError, InferenceError, UnreadableAudioError
from speakersdk.evaluation.pool import run_tasks


class UnpicklableError(Exception):
    def __init__(self, *, number: int) -> None:
        super().__init__(f"number {number}")


def fail(number: int) -> int:
    if number == 1:
        raise UnreadableAudioError("a.wav", "why")
    if number == 2:
        raise UnpicklableError(number=2)
    os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("num_processes", [1, 2, 50])
def test_every_portion_has_its_result(num_processes: int) -> None:
    results = run_tasks(abs, range(-3, 0), num_processes=num_processes)
    assert sorted(results) == [1, 2, 3]


def test_more_processes_than_portions_are_not_started() -> None:
    assert sorted(run_tasks(abs, [-1, 2], num_processes=10**20)) == [1, 2]
    assert list(run_tasks(abs, [], num_processes=10**20)) == []


def test_errors_pass_from_a_process_whatever_they_are() -> None:
    with pytest.raises(UnreadableAudioError, match="cannot read audio from") as caught:
        list(run_tasks(fail, [1, 1], num_processes=2))
    assert caught.value.path == "a.wav"
    with pytest.raises(RuntimeError, match="UnpicklableError: number 2"):
        list(run_tasks(fail, [2, 2], num_processes=2))
    with pytest.raises(InferenceError, match="a worker process died"):
        list(run_tasks(fail, [3, 3], num_processes=2))
    with pytest.raises(ConfigError, match="at least 1 process"):
        list(run_tasks(abs, [1], num_processes=0))


def test_an_interrupt_while_processes_start_is_quiet(tmp_path: Path) -> None:
    """Ctrl-C goes to all processes of a terminal, also to workers that are still importing."""
    (tmp_path / "sitecustomize.py").write_text(
        """
import os, signal, sys

if "--multiprocessing-fork" in sys.argv:
    os.killpg(os.getpgid(0), signal.SIGINT)
"""
    )
    (tmp_path / "main.py").write_text(
        """
from speakersdk.cli.parser import CommandParser
from speakersdk.cli.program import run_program
from speakersdk.evaluation.pool import run_tasks

def build():
    parser = CommandParser(prog="p")
    parser.set_defaults(run=lambda _: len(list(run_tasks(abs, [1, 2], num_processes=2))))
    return parser

if __name__ == "__main__":
    raise SystemExit(run_program("p", build, None))
"""
    )
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, str(tmp_path / "main.py")],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        check=False,
        timeout=60,
        start_new_session=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


HOLD = """
import os, signal, sys
from speakersdk.evaluation.pool import run_tasks

def hold(path):
    file = open(path, "w")
    print(os.getpid(), file=file, flush=True)
    signal.pause()

if __name__ == "__main__":
    list(run_tasks(hold, sys.argv[1:], num_processes=2))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_a_killed_parent(tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "hold.py"
    script.write_text(HOLD)
    pipes = [tmp_path / "first", tmp_path / "second"]
    for pipe in pipes:
        os.mkfifo(pipe)
    process = subprocess.Popen(
        [sys.executable, str(script), *map(str, pipes)],
        stderr=subprocess.DEVNULL,  # Python reports the semaphores that it removes
    )
    files = [pipe.open() for pipe in pipes]  # the workers have started
    workers = [int(file.readline()) for file in files]
    process.send_signal(number)
    process.wait(60)
    for file, worker in zip(files, workers, strict=True):
        ended, _, _ = select.select([file], [], [], 60)
        if not ended:
            os.kill(worker, signal.SIGKILL)
        assert ended, "a worker is still there"
        assert file.read() == ""
        file.close()
