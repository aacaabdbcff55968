"""The commands of ``speakersdk``: one module each, with `add_command` and `run`."""

from __future__ import annotations

import argparse
from typing import Final, NoReturn

from speakersdk.cli import (
    calibrate,
    demo,
    devices,
    doctor,
    embed,
    enroll,
    evaluate,
    identify,
    profiles,
    quality,
    score,
    verify,
    warmup,
)
from speakersdk.cli.live import listen
from speakersdk.cli.parser import CommandParser

_COMMANDS: Final = (
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


class _Version(argparse.Action):
    """Looks the version up when it is asked for: reading package metadata takes time."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        print(f"speakersdk {version('speakersdk')}")
        parser.exit()


def build_parser() -> CommandParser:
    """The parser of all subcommands; the parsed arguments carry the chosen one as `run`."""
    parser = CommandParser(
        prog="speakersdk",
        description="Verify speakers on this device: enroll a voice, then decide whether a "
        "recording is of the same person.",
        status="0 accepted or done; 1 rejected, inconclusive or no speech, or some items of a "
        "batch failed",
        examples=(
            "speakersdk enroll ann ann-1.wav ann-2.wav",
            "speakersdk verify ann probe.wav",
        ),
    )
    parser.output.add_argument(
        "--version", action=_Version, nargs=0, help="show the version and exit"
    )
    commands = parser.add_commands()
    for command in _COMMANDS:
        command.add_command(commands)
    return parser
