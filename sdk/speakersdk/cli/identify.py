"""``speakersdk identify``: decide which enrolled speaker speaks in a recording, if any."""

from __future__ import annotations

import argparse
import re
import unicodedata
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from speakersdk.cli import arguments as shared
from speakersdk.cli.output import decision_cells, print_json, print_table
from speakersdk.cli.parser import CommandParser
from speakersdk.cli.voiceprints import REFERENCE_HELP, enrolled, resolve_voiceprint
from speakersdk.voiceprint.voiceprint import SUFFIX, Voiceprint

_CALLED_BY: Final = 40  # characters of folder and file; a name may have 200 bytes


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments."""
    parser.inputs.add_argument("probe", metavar="PROBE", help="audio file of the voice")
    parser.inputs.add_argument(
        "references",
        nargs="*",
        default=[],
        metavar="REFERENCE",
        help=f"{REFERENCE_HELP}; default: all enrolled speakers",
    )
    shared.add_options(parser, "far", "voiceprints", "model", "max_duration", "json")


def run(arguments: argparse.Namespace) -> int:
    """Identify the speaker and report."""
    store = shared.open_store(arguments)
    everybody = [] if arguments.references else enrolled(store)
    verifier = shared.open_verifier(arguments)
    voiceprints = everybody or _told_apart(
        arguments.references,
        [resolve_voiceprint(reference, store, verifier) for reference in arguments.references],
    )
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


def _told_apart(references: list[str], voiceprints: list[Voiceprint]) -> list[Voiceprint]:
    """Name recordings with equal file names by folder and file, and by number if needed.

    Phones name every recording "New Recording (1)".
    """
    counts = Counter(voiceprint.name for voiceprint in voiceprints)
    told: list[Voiceprint] = []
    for number, (reference, voiceprint) in enumerate(
        zip(references, voiceprints, strict=True), start=1
    ):
        path = Path(reference).absolute()
        if counts[voiceprint.name] > 1 and path.suffix != SUFFIX and path.is_file():
            # Letters, digits, spaces and hyphens are allowed in every name.
            called = unicodedata.normalize("NFC", f"{path.parent.name} {path.stem}")
            words = re.sub(r"[^\w-]+", " ", called).strip(" _-")[:_CALLED_BY].split()
            name = " ".join(words) or "reference"
            if name in {one.name for one in told}:
                name = f"{name} {number}"
            told.append(replace(voiceprint, name=name))
        else:
            told.append(voiceprint)
    return told
