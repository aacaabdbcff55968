"""The ``speakersdk`` command: one module per subcommand, each with `add_command` and `run`.

Data go to stdout, messages to stderr. Exit status: 0 accepted or done, 1 rejected, inconclusive or
no speech, 2 error (one line, no traceback), 130 interrupted, 141 stdout was closed.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from speakersdk.cli import (
    calibrate,
    demo,
    devices,
    doctor,
    embed,
    enroll,
    evaluate,
    identify,
    listen,
    profiles,
    quality,
    score,
    verify,
    warmup,
)
from speakersdk.errors import SpeakerSdkError

_COMMANDS = (
    listen,
    enroll,
    quality,
    verify,
    identify,
    score,
    profiles,
    devices,
    calibrate,
    evaluate,
    embed,
    demo,
    warmup,
    doctor,
)

# As a shell reports them: 128 + SIGINT, 128 + SIGPIPE. A decision that nobody read is no 0 or 1.
_INTERRUPTED = 130
_STDOUT_CLOSED = 141


class _Parser(argparse.ArgumentParser):
    """Reports a usage error in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


class _Version(argparse.Action):
    """Looks the version up when it is asked for: reading package metadata takes time."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"speakersdk {version('speakersdk')}")
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """The parser of all subcommands; the parsed arguments carry the chosen one as `run`."""
    parser = _Parser(
        prog="speakersdk",
        description="Verify speakers on this device: enroll a voice, then decide whether a "
        "recording is of the same person.",
        epilog="Exit status: 0 accepted or done; 1 rejected, inconclusive or no speech; 2 error.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_command(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names and paths may hold characters that the terminal's encoding lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    arguments = build_parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more on exit: let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _STDOUT_CLOSED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (SpeakerSdkError, OSError) as error:
        print(f"speakersdk: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return status
