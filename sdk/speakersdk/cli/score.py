"""``speakersdk score``: the bare score of two references."""

from __future__ import annotations

import argparse

from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json
from speakersdk.cli.parser import Subparsers
from speakersdk.cli.voiceprints import REFERENCE_HELP, resolve


def add_command(commands: Subparsers) -> None:
    """Add this command's parser."""
    parser = commands.add_parser(
        "score",
        help="print the score of two recordings or voiceprints",
        description="Print the negated symmetric KL divergence of A and B in nats: at most 0, "
        "higher is more alike. It depends on the model; use verify for a decision.",
        subject="what to compare",
        status="0 done",
        examples=("speakersdk score a.wav b.wav", "speakersdk score ann b.wav --json"),
    )
    for side in ("a", "b"):
        parser.inputs.add_argument(side, metavar=side.upper(), help=REFERENCE_HELP)
    shared.add_voiceprints(parser)
    shared.add_model(parser)
    shared.add_max_duration(parser)
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Score and print."""
    store = shared.open_store(arguments)
    a, b = (resolve(reference, store) for reference in (arguments.a, arguments.b))
    score = shared.open_verifier(arguments).score(a, b)
    if arguments.json:
        print_json({"a": arguments.a, "b": arguments.b, "score": score})
    else:
        print(f"{score:.6g}")
    return 0
