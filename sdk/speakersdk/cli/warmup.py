"""``speakersdk warmup``: make the first calls ahead of time and say how long they took."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import get_args

from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json, print_table
from speakersdk.cli.parser import Subparsers
from speakersdk.models import default_model_path
from speakersdk.runtime.options import Precision


def add_command(commands: Subparsers) -> None:
    """Add this command's parser."""
    parser = commands.add_parser(
        "warmup",
        help="make a device's first calls ahead of time: builds TensorRT's engines",
        description="Load the model on a device, make its first calls and say how long they took. "
        "TensorRT's engines are built and kept below $XDG_CACHE_HOME/speakersdk/tensorrt.",
        status="0 done",
        examples=(
            "speakersdk warmup --device cuda",
            "speakersdk warmup --device tensorrt --precision fp16 --streams 32",
        ),
    )
    parser.requests.add_argument(
        "--device",
        default="cpu",
        help="cpu, cuda, cuda:N, tensorrt, tensorrt:N or auto (default: %(default)s)",
    )
    parser.requests.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="fp32",
        help="arithmetic: tf32 on cuda and tensorrt, fp16 on tensorrt (default: %(default)s)",
    )
    parser.requests.add_argument(
        "--streams",
        type=int,
        default=1,
        metavar="N",
        help="capacity of a stream pool, which has an engine of its own (default: %(default)s)",
    )
    shared.add_model(parser)
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make the calls and show their seconds."""
    from speakersdk.warmup import warm_up

    result = warm_up(
        arguments.model or default_model_path(),
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
