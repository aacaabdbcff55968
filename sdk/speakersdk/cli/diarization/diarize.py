"""``speakersdk diarize``: find out who speaks when in a recording."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json, print_note, print_table
from speakersdk.cli.parser import CommandParser
from speakersdk.cli.voiceprints import (
    add_references,
    check_recording,
    load_enrolled,
    resolve_voiceprints,
)
from speakersdk.diarization.documents import UNCERTAIN, rttm, srt
from speakersdk.diarization.turns import Diarization

_FORMATS: Final = ("text", "json", "rttm", "srt")


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments."""
    parser.inputs.add_argument(
        "recording", metavar="RECORDING", help="audio file of a conversation"
    )
    add_references(parser)
    parser.output.add_argument(
        "--format",
        choices=_FORMATS,
        default="text",
        help="text, one JSON document, NIST's RTTM or SubRip subtitles (default: %(default)s)",
    )
    parser.output.add_argument(
        "--json",
        dest="format",
        action="store_const",
        const="json",
        help="the same as --format json",
    )
    shared.add_options(parser, "far", "voiceprints", "model", "reading")


def run(arguments: argparse.Namespace) -> int:
    """Find the turns and print them."""
    store = shared.open_store(arguments)
    check_recording(arguments.recording, store, "diarize RECORDING NAME...")
    verifier = shared.open_verifier(arguments)
    if arguments.references:
        voiceprints = resolve_voiceprints(arguments.references, store, verifier)
    else:
        voiceprints = load_enrolled(store, verifier, is_required=bool(store.names()))
    diarization = verifier.diarize(arguments.recording, voiceprints)
    if arguments.format == "json":
        print_json(
            {
                "recording": arguments.recording,
                **verifier.request.to_json(),
                **diarization.to_json(),
            }
        )
    elif arguments.format == "rttm":
        print(rttm(diarization, Path(arguments.recording).stem), end="")
    elif arguments.format == "srt":
        print(srt(diarization), end="")
    else:
        _print_text(diarization)
    if not diarization.turns:
        print_note("no speech found in the recording")
    return 0 if diarization.speakers else 1


def _print_text(diarization: Diarization) -> None:
    print_table(
        ("from", "to", "who", "llr", "note"),
        [
            (
                f"{turn.from_s:.1f}",
                f"{turn.to_s:.1f}",
                turn.who or UNCERTAIN,
                "-" if turn.llr is None else f"{turn.llr:+.2f}",
                turn.reason or "",
            )
            for turn in diarization.turns
        ],
    )
