"""``speakersdk verify``: is this recording of the enrolled speaker?"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json
from speakersdk.cli.voiceprints import REFERENCE_HELP, resolve_voiceprint


def add_command(commands: shared.Subparsers) -> None:
    """Add this command's parser."""
    parser = commands.add_parser(
        "verify",
        help="decide whether a recording is of the enrolled speaker",
        description="Decide whether PROBE is of the speaker of REFERENCE.",
        epilog="Exit status: 0 accepted; 1 rejected, inconclusive or no speech; 2 error.",
    )
    parser.add_argument("reference", metavar="REFERENCE", help=REFERENCE_HELP)
    parser.add_argument("probe", metavar="PROBE", help="audio file to decide about")
    shared.add_far(parser)
    shared.add_voiceprints(parser)
    shared.add_model(parser)
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Verify and report."""
    verifier = shared.open_verifier(arguments)
    voiceprint = resolve_voiceprint(arguments.reference, shared.open_store(arguments), verifier)
    decision = verifier.verify(voiceprint, arguments.probe)
    if arguments.json:
        question = {"reference": arguments.reference, "probe": arguments.probe}
        print_json({**question, **verifier.request.to_json(), **asdict(decision)})
    else:
        print(decision)
    return 0 if decision.accepted else 1
