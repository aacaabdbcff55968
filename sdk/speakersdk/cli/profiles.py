"""``speakersdk profiles``: the stored voiceprints."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json, print_table
from speakersdk.cli.parser import CommandParser, Subparsers
from speakersdk.cli.voiceprints import check_file, summary, warning
from speakersdk.enrollment.joining import join_voiceprints
from speakersdk.text import printable
from speakersdk.voiceprint.voiceprint import Voiceprint


def add_command(commands: Subparsers) -> None:
    """Add this command's parser and those of its actions."""
    parser = commands.add_parser(
        "profiles",
        help="list, show, revert, remove, export and import voiceprints",
        description="Manage the stored voiceprints; without an ACTION, list them.",
        status="0 done",
        examples=(
            "speakersdk profiles",
            "speakersdk profiles export ann -o ann.voiceprint",
        ),
    )
    shared.add_voiceprints(parser)
    shared.add_json(parser)
    parser.set_defaults(run=run_list, replace=False, append=False, model=None)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")

    def add_action(
        name: str, purpose: str, run: Callable[[argparse.Namespace], int]
    ) -> CommandParser:
        # SUPPRESS: an option that stands before the action is not undone by the action's default.
        action = actions.add_parser(name, help=purpose, argument_default=argparse.SUPPRESS)
        shared.add_voiceprints(action)
        action.set_defaults(run=run)
        return action

    action = add_action("list", "all stored voiceprints, and files that cannot be read", run_list)
    shared.add_json(action)

    action = add_action("show", "one voiceprint, with each recording's speech", run_show)
    action.inputs.add_argument("name", metavar="NAME")
    shared.add_json(action)

    action = add_action("revert", "take back what verify --adapt added", run_revert)
    action.inputs.add_argument("names", nargs="+", metavar="NAME")

    action = add_action("remove", "delete voiceprints, unreadable files too", run_remove)
    action.inputs.add_argument("names", nargs="+", metavar="NAME")

    action = add_action("export", "copy a voiceprint into a file", run_export)
    action.inputs.add_argument("name", metavar="NAME")
    action.places.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.voiceprint"
    )
    action.requests.add_argument("--replace", action="store_true", help="overwrite the file")

    action = add_action("import", "store voiceprint files under their names", run_import)
    action.inputs.add_argument("files", nargs="+", type=Path, metavar="FILE.voiceprint")
    shared.add_replace_or_append(action)
    shared.add_model(action)


def run_list(arguments: argparse.Namespace) -> int:
    """List all; one that cannot be read is reported and the others are shown."""
    store = shared.open_store(arguments)
    content = store.content()
    if arguments.json:
        print_json([summary(voiceprint) for voiceprint in content.voiceprints])
    else:
        _print_voiceprints(content.voiceprints)
    for file in content.unreadable:
        print(f"speakersdk: error: unreadable: {warning(file)}", file=sys.stderr)
    return 2 if content.unreadable else 0


def run_show(arguments: argparse.Namespace) -> int:
    """Show one."""
    voiceprint = shared.open_store(arguments).load(arguments.name)
    if arguments.json:
        print_json(
            {
                **summary(voiceprint),
                "recordings_speech_s": voiceprint.speech_s.tolist(),
                "adapted_speech_s": voiceprint.adapted_speech_s.tolist(),
            }
        )
    else:
        _print_voiceprints([voiceprint])
        print_table(
            ("recording", "speech_s"),
            [
                (f"{kind}{number}", f"{speech_s:.1f}")
                for kind, listed in (
                    ("", voiceprint.speech_s),
                    ("adapted ", voiceprint.adapted_speech_s),
                )
                for number, speech_s in enumerate(listed.tolist(), start=1)
            ],
        )
    return 0


def run_revert(arguments: argparse.Namespace) -> int:
    """Leave what was enrolled."""
    store = shared.open_store(arguments)
    for name in [store.load(name).name for name in arguments.names]:
        voiceprint = store.load(name)
        while not store.exchange(voiceprint, voiceprint.reverted()):
            voiceprint = store.load(name)
        print(f"reverted {name}: {len(voiceprint.adapted)} adapted recordings dropped")
    return 0


def run_remove(arguments: argparse.Namespace) -> int:
    """Delete all of them or none."""
    store = shared.open_store(arguments)
    store.remove(*arguments.names)
    for name in arguments.names:
        print(f"removed {printable(name)}")
    return 0


def run_export(arguments: argparse.Namespace) -> int:
    """Copy out of the store."""
    voiceprint = shared.open_store(arguments).load(arguments.name)
    check_file(arguments.output, replace=arguments.replace)
    voiceprint.save(arguments.output, is_new=not arguments.replace)
    print(f"exported {voiceprint.name} to {printable(arguments.output)}")
    return 0


def run_import(arguments: argparse.Namespace) -> int:
    """Copy into the store: all files, or none if one of them cannot be used."""
    store = shared.open_store(arguments)
    voiceprints = [Voiceprint.load(path) for path in arguments.files]
    if arguments.append:
        manifest = shared.open_verifier(arguments).manifest
        store.save_all(voiceprints, append=True, join=partial(join_voiceprints, manifest=manifest))
    else:
        store.save_all(voiceprints, replace=arguments.replace)
    for voiceprint in voiceprints:
        print(f"imported {voiceprint.name}")
    return 0


def _print_voiceprints(voiceprints: Sequence[Voiceprint]) -> None:
    print_table(
        ("name", "recordings", "speech_s", "model", "created_utc"),
        [
            (
                voiceprint.name,
                str(len(voiceprint.exemplars)),
                f"{voiceprint.total_speech_s:.1f}",
                voiceprint.model_name,
                voiceprint.created_utc,
            )
            for voiceprint in voiceprints
        ],
    )
