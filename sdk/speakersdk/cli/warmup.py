"""``speakersdk warmup``: make the first calls ahead of time and report how long they took."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import get_args

from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json, print_table
from speakersdk.cli.parser import CommandParser
from speakersdk.runtime.options import Precision


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments."""
    parser.requests.add_argument(
        "--device",
        default="cpu",
        help="cpu, cuda, cuda:N, tensorrt, tensorrt:N or auto (default: %(default)s)",
    )
    parser.requests.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="fp32",
        help="arithmetic; tf32 needs cuda or tensorrt, fp16 needs tensorrt (default: %(default)s)",
    )
    parser.requests.add_argument(
        "--streams",
        type=int,
        default=1,
        metavar="N",
        help="capacity of the stream pool to build an engine for (default: %(default)s)",
    )
    shared.add_options(parser, "model", "json")


def run(arguments: argparse.Namespace) -> int:
    """Make the calls and print their durations."""
    from speakersdk.warmup import warm_up

    result = warm_up(
        shared.model_path(arguments),
        device=arguments.device,
        precision=arguments.precision,
        num_streams=arguments.streams,
    )
    if arguments.json:
        print_json(asdict(result))
        return 0
    print_table(
        ("step", "result"),
        [
            (name, f"{value:.4f}" if isinstance(value, float) else value)
            for name, value in asdict(result).items()
        ],
    )
    return 0
