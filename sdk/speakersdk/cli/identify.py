"""``speakersdk identify``: decide which enrolled speaker speaks in a recording, if any."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from speakersdk.cli import arguments as shared
from speakersdk.cli.output import decision_cells, print_json, print_table
from speakersdk.cli.parser import CommandParser
from speakersdk.cli.voiceprints import (
    add_references,
    check_recording,
    load_enrolled,
    resolve_voiceprints,
)


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments."""
    parser.inputs.add_argument("probe", metavar="PROBE", help="audio file of the voice")
    add_references(parser)
    shared.add_options(parser, "far", "voiceprints", "model", "reading", "json")


def run(arguments: argparse.Namespace) -> int:
    """Identify the speaker and report."""
    store = shared.open_store(arguments)
    check_recording(arguments.probe, store, "identify RECORDING NAME...")
    verifier = shared.open_verifier(arguments)
    if arguments.references:
        voiceprints = resolve_voiceprints(arguments.references, store, verifier)
    else:
        voiceprints = load_enrolled(store, verifier)
    identification = verifier.identify(voiceprints, arguments.probe)
    if arguments.json:
        print_json(
            {
                "probe": arguments.probe,
                **verifier.request.to_json(),
                "speaker": identification.speaker,
                "margin": identification.margin,
                "decision": asdict(identification.decision),
                "ranking": [
                    {"name": name, **asdict(decision)} for name, decision in identification.ranking
                ],
            }
        )
    else:
        print(identification)
        if identification.ranking:
            print_table(
                ("name", "verdict", "score", "llr"),
                [(name, *decision_cells(decision)) for name, decision in identification.ranking],
            )
    return 0 if identification.speaker is not None else 1
