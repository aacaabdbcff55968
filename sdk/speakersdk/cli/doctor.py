"""``speakersdk doctor``: what a bug report needs to say of an installation."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json
from speakersdk.cli.parser import Subparsers


def add_command(commands: Subparsers) -> None:
    """Add this command's parser."""
    parser = commands.add_parser(
        "doctor",
        help="describe this installation for a bug report",
        description="Versions, execution providers and the libraries they miss, model, kernel, "
        "threads, telemetry and sound. Names no person and no machine, writes no file and opens no "
        "socket.",
        status="0, whatever is broken",
        examples=("speakersdk doctor", "speakersdk doctor --audio --json"),
    )
    parser.requests.add_argument(
        "--audio",
        action="store_true",
        help="let PortAudio list the input devices; it may connect to the local sound server",
    )
    shared.add_model(parser)
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Describe it."""
    from speakersdk.diagnosis import diagnose

    report = diagnose(arguments.model, ask_portaudio=arguments.audio)
    if arguments.json:
        print_json(report)
        return 0
    for name, value in _lines(report):
        print(f"{name}: {value}")
    return 0


def _lines(report: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names and values, one after the other."""
    for name, value in report.items():
        if isinstance(value, dict):
            yield from _lines(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            yield prefix + name, ", ".join(map(str, value)) or "none"
        else:
            yield prefix + name, "none" if value is None else str(value)
