"""``speakersdk migrate``: enroll stored speakers again with another model."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json, print_note
from speakersdk.cli.parser import CommandParser
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.enrollment.kept_recordings import kept
from speakersdk.errors import ConfigError, IncompatibleModelError, SpeakerSdkError
from speakersdk.text import counted, os_error_text, printable
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.store import VoiceprintStore
from speakersdk.voiceprint.voiceprint import Voiceprint

MIGRATED: Final = "migrated"
UNCHANGED: Final = "unchanged"
FAILED: Final = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of the migration of one voiceprint.

    Attributes:
        name: name of the speaker.
        status: migrated, unchanged (already made with the model) or failed.
        text: what was done, or the reason for the failure.
    """

    name: str
    status: str
    text: str


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments."""
    parser.add_speakers("names", nargs="*", default=[], help="enrolled speakers (default: all)")
    parser.inputs.add_argument(
        "--recordings",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="kept recordings, one sub-folder per speaker (see enroll --keep-recordings)",
    )
    shared.add_options(parser, "accept", "voiceprints", "model", "reading", "json")


def run(arguments: argparse.Namespace) -> int:
    """Migrate every voiceprint that can be migrated, and list the others."""
    if not arguments.recordings.is_dir():
        raise ConfigError(
            "expected the folder of the kept recordings, with one sub-folder per speaker, got "
            f"{printable(arguments.recordings)}; name the one of enroll --keep-recordings"
        )
    verifier = shared.open_verifier(arguments)
    store = shared.open_store(arguments)
    for name in arguments.names:
        store.check_stored(name)
    accept = shared.accepted_problems(arguments)
    names = list(dict.fromkeys(arguments.names or store.names()))
    outcomes = []
    for name in names:
        outcome = migrated(store, verifier, name, arguments.recordings, accept=accept)
        outcomes.append(outcome)
        if not arguments.json:  # at once, for a run that is interrupted
            stream = sys.stderr if outcome.status == FAILED else sys.stdout
            print(f"{outcome.status} {printable(name)}: {outcome.text}", file=stream, flush=True)
    if arguments.json:
        print_json([asdict(outcome) for outcome in outcomes])
    if not names:
        print_note(f"nobody is enrolled in {printable(store.folder)}")
    return 1 if any(outcome.status == FAILED for outcome in outcomes) else 0


def migrated(
    store: VoiceprintStore,
    verifier: Verifier,
    name: str,
    recordings: Path,
    *,
    accept: tuple[str, ...] = (),
) -> Outcome:
    """Enroll one speaker again. The stored voiceprint stays until the new one replaces it."""
    manifest = verifier.manifest
    try:
        while True:
            old = store.load(name)
            if _is_of(old, manifest):
                text = f"already works with {manifest.name}"
                return Outcome(name=name, status=UNCHANGED, text=text)
            paths = kept(recordings, old.name)
            if not paths:
                folder = printable(recordings / old.name)
                text = f"expected recordings in {folder}, found none; enroll again"
                return Outcome(name=name, status=FAILED, text=text)
            new = replace(
                verifier.enroll(paths, name=old.name, accept=accept),
                expires_utc=old.expires_utc,
                consent=old.consent,
                history=old.history,
            )
            if store.exchange(old, new):
                return Outcome(name=name, status=MIGRATED, text=_change(old, new))
    except (OSError, SpeakerSdkError) as error:  # the others may still be migrated
        text = os_error_text(error) if isinstance(error, OSError) else str(error)
        return Outcome(name=name, status=FAILED, text=printable(text))


def _is_of(voiceprint: Voiceprint, manifest: ModelManifest) -> bool:
    try:
        voiceprint.check_made_by(manifest)
    except IncompatibleModelError:
        return False
    return True


def _change(old: Voiceprint, new: Voiceprint) -> str:
    text = (
        f"from {old.model_name} ({old.total_speech_s:.1f} s of speech) to {new.model_name} "
        f"({counted(len(new.exemplars), 'recording')}, {new.total_speech_s:.1f} s)"
    )
    dropped = len(old.adapted)
    return f"{text}; {counted(dropped, 'adapted recording')} dropped" if dropped else text
