"""``speakersdk enroll``: recordings of one speaker become a voiceprint."""

from __future__ import annotations

import argparse
from pathlib import Path

from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json
from speakersdk.cli.voiceprints import summary, write_file


def add_command(commands: shared.Subparsers) -> None:
    """Add this command's parser."""
    parser = commands.add_parser(
        "enroll",
        help="make a voiceprint from recordings",
        description="Make a speaker's voiceprint from recordings and store it under NAME.",
    )
    parser.add_argument("name", metavar="NAME", help="the speaker's name")
    parser.add_argument("recordings", nargs="+", metavar="RECORDING", help="audio file of NAME")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write this file, store nothing"
    )
    shared.add_replace_or_append(parser)
    shared.add_voiceprints(parser)
    shared.add_model(parser)
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Enroll and store."""
    voiceprint = shared.open_verifier(arguments).enroll(arguments.recordings, name=arguments.name)
    choice = {"replace": arguments.replace, "append": arguments.append}
    if arguments.output is None:
        store = shared.open_store(arguments)
        stored = store.save(voiceprint, **choice)
        path = store.path(stored.name)
    else:
        path = arguments.output
        stored = write_file(voiceprint, path, **choice)
    if arguments.json:
        print_json({**summary(stored), "path": str(path)})
    else:
        print(
            f"enrolled {stored.name}: {len(stored.exemplars)} recordings, "
            f"{stored.total_speech_s:.1f} s of speech, in {path}"
        )
    return 0
