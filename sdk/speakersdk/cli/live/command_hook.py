"""``speakersdk listen --exec``: run a command whenever the verdict changes.

The command is split into words as a shell would, but no shell runs it. It gets the update in
environment variables, never in its arguments. It runs in a thread of its own and never delays
audio. One command runs at a time. Later changes wait in a queue; if more than 16 wait,
the oldest are skipped.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Final, Self

from speakersdk.cli.output import print_message
from speakersdk.decision.outcome import Verdict
from speakersdk.enrollment.live import EnrollmentProgress
from speakersdk.errors import ConfigError
from speakersdk.streaming.update import StreamUpdate
from speakersdk.text import os_error_text, printable

_warn: Final = partial(print_message, "--exec")
_MOST_WAITING: Final = 16
# Seconds for the remaining commands after the end; then the running one is terminated.
_GRACE_S: Final = 5.0
# Seconds that a command has to end after it was terminated; then it is killed.
_TERMINATION_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A new verdict."""

    verdict: Verdict
    speaker: str | None
    time_s: float
    llr: float | None
    speech_s: float

    def variables(self) -> dict[str, str]:
        """Return the change as environment variables of the command."""
        return {
            "SPEAKERSDK_VERDICT": str(self.verdict),
            "SPEAKERSDK_NAME": self.speaker or "",
            "SPEAKERSDK_TIME_S": f"{self.time_s:.1f}",
            "SPEAKERSDK_LLR": "" if self.llr is None else f"{self.llr:.2f}",
            "SPEAKERSDK_SPEECH_S": f"{self.speech_s:.2f}",
        }


class CommandHook:
    """A listener that runs a command at each change of verdict or speaker.

    Args:
        command: the words of the command, separated as in a shell.

    Raises:
        ConfigError: there are no words, a quotation is not closed, or the program is missing.
    """

    def __init__(self, command: str) -> None:
        self._words = _words(command)
        self._reported: tuple[Verdict, str | None] = (Verdict.NO_SPEECH, None)
        self._time_s = 0.0
        self._waiting: deque[_Change] = deque(maxlen=_MOST_WAITING)
        self._skipped = 0
        self._is_closed = False
        self._running: subprocess.Popen[bytes] | None = None
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="listen --exec", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Report that nobody is speaking anymore, and give the remaining commands a few seconds.

        A further Ctrl-C or SIGTERM ends the running command at once.
        """
        self._report(
            _Change(
                verdict=Verdict.NO_SPEECH, speaker=None, time_s=self._time_s, llr=None, speech_s=0.0
            )
        )
        with self._condition:
            self._is_closed = True
            self._condition.notify()
        waited = "at the second signal"
        try:
            self._thread.join(_GRACE_S)
            waited = f"{_GRACE_S:g} s after the end"
        finally:
            self._end(waited)

    def _end(self, waited: str) -> None:
        """End the running command if there is one, and the thread."""
        with self._condition:
            self._waiting.clear()
            if self._running is not None:
                _warn(f"still running {waited}; terminated")
                _send(signal.SIGTERM, self._running)
        # Python aborts if a thread still writes to stderr while the interpreter ends.
        try:
            self._thread.join(_TERMINATION_S)
        finally:
            while self._thread.is_alive():
                with self._condition:
                    if self._running is not None:
                        _send(signal.SIGKILL, self._running)
                self._thread.join(_TERMINATION_S)

    def enrolling(self, name: str, progress: EnrollmentProgress) -> None:
        """Run nothing: there is no verdict yet."""

    def updated(self, update: StreamUpdate) -> None:
        """Run the command if the verdict or the speaker has changed."""
        self._time_s = update.time_s
        self._report(
            _Change(
                verdict=update.verdict,
                speaker=update.speaker,
                time_s=update.time_s,
                llr=update.total_llr,
                speech_s=update.speech_s,
            )
        )

    def _report(self, change: _Change) -> None:
        reported = (change.verdict, change.speaker)
        if reported == self._reported:
            return
        self._reported = reported
        with self._condition:
            self._skipped += len(self._waiting) == _MOST_WAITING
            self._waiting.append(change)
            self._condition.notify()

    def _work(self) -> None:
        """Run the command for one change after another until the end."""
        while True:
            with self._condition:
                while not self._waiting and not self._is_closed:
                    self._condition.wait()
                if not self._waiting:
                    return
                change = self._waiting.popleft()
                skipped, self._skipped = self._skipped, 0
            if skipped:
                _warn(f"too slow: {skipped} changes of verdict were skipped")
            self._run(change)

    def _run(self, change: _Change) -> None:
        try:
            process = subprocess.Popen(
                self._words,
                env={**os.environ, **change.variables()},
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),  # stdout may carry JSON
                stderr=subprocess.STDOUT,
                process_group=0,  # so that it ends as a whole, and not by Ctrl-C
            )
        except OSError as error:
            _warn(f"cannot run {printable(self._words[0])}: {_reason(error, self._words[0])}")
            return
        with self._condition:
            self._running = process
        status = process.wait()
        with self._condition:
            self._running = None
        if status:
            how = f"with status {status}" if status > 0 else f"by {_signal_name(-status)}"
            _warn(f"{printable(self._words[0])} ended {how}")


def _reason(error: OSError, program: str) -> str:
    if error.errno == errno.ENOEXEC:
        return "it is not a program; begin a script with a line such as #!/bin/sh"
    if error.errno == errno.ENOENT and os.path.isfile(program):  # noqa: PTH113
        return "the program that its first line names does not exist; correct that line"
    return os_error_text(error)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # real-time signals have no names
        return f"signal {number}"


def _send(number: signal.Signals, process: subprocess.Popen[bytes]) -> None:
    """Send a signal to a command and its children."""
    with contextlib.suppress(ProcessLookupError):  # it has just ended
        os.killpg(process.pid, number)


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError(
            f"expected a command with --exec, got {printable(command)!r}: {error}"
        ) from error
    if not words:
        raise ConfigError("expected a command with --exec, got none")
    if shutil.which(words[0]) is None:
        if os.path.isfile(words[0]):  # noqa: PTH113  (also for names that pathlib refuses)
            raise ConfigError(
                f"expected a program with --exec, got {printable(words[0])}, which may not be run; "
                f"chmod +x {printable(words[0])}"
            )
        raise ConfigError(
            f"expected a program with --exec, found none named {printable(words[0])}; give its "
            "path, or sh -c '...' for shell syntax"
        )
    return words
