"""``speakersdk score``: print the raw score of two references."""

from __future__ import annotations

import argparse

from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json
from speakersdk.cli.parser import CommandParser
from speakersdk.cli.voiceprints import REFERENCE_HELP, resolve


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments."""
    for side in ("a", "b"):
        parser.inputs.add_argument(side, metavar=side.upper(), help=REFERENCE_HELP)
    shared.add_options(parser, "voiceprints", "model", "reading", "json")


def run(arguments: argparse.Namespace) -> int:
    """Compute the score and print it."""
    store = shared.open_store(arguments)
    a, b = (resolve(reference, store) for reference in (arguments.a, arguments.b))
    score = shared.open_verifier(arguments).score(a, b)
    if arguments.json:
        print_json({"a": arguments.a, "b": arguments.b, "score": score})
    else:
        print(f"{score:.6g}")
    return 0
