"""``speakersdk enroll``: recordings of one speaker become a voiceprint."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from speakersdk.audio.levels import AudioProblem
from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json
from speakersdk.cli.parser import Subparsers
from speakersdk.cli.voiceprints import check_file, summary
from speakersdk.enrollment.live import NEEDED_S
from speakersdk.errors import DuplicateSpeakerError
from speakersdk.text import printable
from speakersdk.voiceprint.names import check_name
from speakersdk.voiceprint.store import VoiceprintStore
from speakersdk.voiceprint.voiceprint import Voiceprint

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
    shared.add_max_duration(parser)
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

    def enrolled(known: Voiceprint | None) -> Voiceprint:
        return verifier.enroll(
            arguments.recordings,
            name=name,
            accept=accepted_problems(arguments.accept),
            append_to=known,
        )

    if is_stored:
        voiceprint = _store(store, name, enrolled, arguments)
    else:
        known = Voiceprint.load(path) if arguments.append and path.exists() else None
        voiceprint = enrolled(known)
        voiceprint.save(path, is_new=known is None and not arguments.replace)
    if arguments.json:
        print_json({**summary(voiceprint), "path": str(path)})
    else:
        print(
            f"enrolled {name}: {len(voiceprint.exemplars)} recordings, "
            f"{voiceprint.total_speech_s:.1f} s of speech, in {printable(path)}"
        )
    if voiceprint.total_speech_s < NEEDED_S:
        print(
            f"note: {NEEDED_S:g} s of speech and more make surer decisions; add some with --append",
            file=sys.stderr,
        )
    return 0


def _store(
    store: VoiceprintStore,
    name: str,
    enrolled: Callable[[Voiceprint | None], Voiceprint],
    arguments: argparse.Namespace,
) -> Voiceprint:
    """Enroll and store, again if another process has changed the voiceprint in between."""
    while True:
        is_known = arguments.append and name in store.names()
        known = store.load(name) if is_known else None
        voiceprint = enrolled(known)
        if known is None:
            try:
                return store.save(voiceprint, replace=arguments.replace)
            except DuplicateSpeakerError:
                if not arguments.append:
                    raise
        elif store.exchange(known, voiceprint):
            return voiceprint


def accepted_problems(keys: Sequence[str]) -> tuple[AudioProblem, ...]:
    """What --accept names."""
    return tuple(problem for problem in AudioProblem if problem.key in keys or _ALL in keys)
