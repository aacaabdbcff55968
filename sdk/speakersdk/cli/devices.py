"""``speakersdk devices``: the input devices that listen can record from."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json, print_table
from speakersdk.cli.parser import Subparsers


def add_command(commands: Subparsers) -> None:
    """Add this command's parser."""
    parser = commands.add_parser(
        "devices",
        help="list the input devices",
        description="List the input devices; listen --device takes an index or part of a name.",
        status="0 done",
        examples=("speakersdk devices", "speakersdk devices --json"),
    )
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List them."""
    from speakersdk.audio.devices import find_device, list_devices

    find_device()  # no device at all is an error that says what to do
    devices = list_devices()
    if arguments.json:
        print_json([asdict(device) for device in devices])
        return 0
    print_table(
        ("index", "name", "api", "channels", "rate_hz", "default"),
        [
            (
                str(device.index),
                device.name,
                device.api,
                str(device.num_channels),
                f"{device.sample_rate_hz:g}",
                "yes" if device.is_default else "",
            )
            for device in devices
        ],
    )
    return 0
