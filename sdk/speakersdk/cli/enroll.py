"""``speakersdk enroll``: recordings of one speaker become a voiceprint."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from speakersdk.audio.levels import AudioProblem
from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json
from speakersdk.cli.parser import Subparsers
from speakersdk.cli.voiceprints import check_file, summary
from speakersdk.enrollment.live import NEEDED_S
from speakersdk.voiceprint.voiceprint import Voiceprint, check_name

_ALL: Final = "all"


def add_command(commands: Subparsers) -> None:
    """Add this command's parser."""
    parser = commands.add_parser(
        "enroll",
        help="make a voiceprint from recordings",
        description="Make a speaker's voiceprint from recordings and store it under NAME. "
        "Recordings that are no good are refused; `speakersdk quality` shows their figures.",
        subject="what to enroll",
        status="0 enrolled",
        examples=(
            "speakersdk enroll ann ann-1.wav ann-2.wav",
            "speakersdk enroll ann ann-3.wav --append --json",
        ),
    )
    parser.inputs.add_argument("name", metavar="NAME", help="the speaker's name")
    parser.inputs.add_argument(
        "recordings", nargs="+", metavar="RECORDING", help="audio file of NAME"
    )
    parser.places.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write this file, store nothing"
    )
    parser.requests.add_argument(
        "--accept",
        action="append",
        default=[],
        choices=[*(problem.key for problem in AudioProblem), _ALL],
        metavar="PROBLEM",
        help="enroll although a recording is: %(choices)s (repeatable)",
    )
    shared.add_replace_or_append(parser)
    shared.add_voiceprints(parser)
    shared.add_model(parser)
    shared.add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Enroll and store."""
    verifier = shared.open_verifier(arguments)
    name = check_name(arguments.name)
    store = shared.open_store(arguments)
    is_stored = arguments.output is None
    if is_stored:
        store.check_new(name, replace=arguments.replace, append=arguments.append)
        path = store.path(name)
    else:
        path = arguments.output
        check_file(path, replace=arguments.replace, append=arguments.append)
    known = None
    if arguments.append and path.exists():
        known = store.load(name) if is_stored else Voiceprint.load(path)
    voiceprint = verifier.enroll(
        arguments.recordings,
        name=name,
        accept=accepted_problems(arguments.accept),
        append_to=known,
    )
    if is_stored:
        store.save(voiceprint, replace=arguments.replace or known is not None)
    else:
        voiceprint.save(path)
    if arguments.json:
        print_json({**summary(voiceprint), "path": str(path)})
    else:
        print(
            f"enrolled {name}: {len(voiceprint.exemplars)} recordings, "
            f"{voiceprint.total_speech_s:.1f} s of speech, in {path}"
        )
    if voiceprint.total_speech_s < NEEDED_S:
        print(
            f"note: {NEEDED_S:g} s of speech and more make surer decisions; add some with --append",
            file=sys.stderr,
        )
    return 0


def accepted_problems(keys: Sequence[str]) -> tuple[AudioProblem, ...]:
    """What --accept names."""
    return tuple(problem for problem in AudioProblem if problem.key in keys or _ALL in keys)
