"""``speakersdk devices``: list the input devices for `listen`."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json, print_table
from speakersdk.cli.parser import CommandParser


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments."""
    shared.add_options(parser, "json")


def run(arguments: argparse.Namespace) -> int:
    """List the devices."""
    from speakersdk.audio.devices import find_device, list_devices

    find_device()  # raises if there is no device
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
