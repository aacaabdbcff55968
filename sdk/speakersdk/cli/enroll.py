"""``speakersdk enroll``: make a voiceprint from recordings of one speaker."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from speakersdk.audio.input_file import copied_pipe
from speakersdk.audio.recordings import open_recording
from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json, print_note
from speakersdk.cli.parser import CommandParser
from speakersdk.cli.voiceprints import check_file, load_file, summary, with_life
from speakersdk.enrollment.kept_recordings import check_keep, keeping
from speakersdk.enrollment.live import NEEDED_S
from speakersdk.enrollment.remembered_recordings import RememberedRecordings
from speakersdk.errors import ConfigError, DuplicateSpeakerError, UnknownSpeakerError
from speakersdk.locks import file_lock
from speakersdk.text import counted, printable
from speakersdk.voiceprint.names import check_name
from speakersdk.voiceprint.store import VoiceprintStore
from speakersdk.voiceprint.voiceprint import Voiceprint


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments."""
    parser.add_speakers("name", help="the speaker's name")
    parser.inputs.add_argument(
        "recordings", nargs="+", metavar="RECORDING", help="audio file of the speaker"
    )
    parser.places.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="write the voiceprint to this file instead of storing it",
    )
    parser.places.add_argument(
        "--keep-recordings",
        type=Path,
        metavar="FOLDER",
        help="copy the recordings to FOLDER/NAME for `speakersdk migrate` (default: keep none)",
    )
    shared.add_options(parser, "accept")
    parser.requests.add_argument(
        "--remember",
        action="store_true",
        help="remember the recordings, to recognize them if they are played to `verify`",
    )
    shared.add_options(
        parser, "replace_or_append", "voiceprints", "model", "reading", "life", "json"
    )


def run(arguments: argparse.Namespace) -> int:
    """Enroll the speaker and store the voiceprint."""
    verifier = shared.open_verifier(arguments)
    name = check_name(arguments.name)
    store = shared.open_store(arguments)
    _check_no_recording(name, store)
    path = _checked_path(arguments, name, store)
    files = [Path(recording) for recording in arguments.recordings]
    if arguments.keep_recordings is not None:
        check_keep(files, arguments.keep_recordings, name)
    with contextlib.ExitStack() as copies:
        # Recordings are read again to remember them, and if another process was faster.
        recordings = [_copied(path, copies) for path in arguments.recordings]
        with contextlib.ExitStack() as kept:

            def enrolled(known: Voiceprint | None) -> Voiceprint:
                voiceprint = verifier.enroll(
                    _rewound(recordings),
                    name=name,
                    accept=shared.accepted_problems(arguments),
                    append_to=known,
                )
                if (folder := arguments.keep_recordings) is not None:
                    kept.enter_context(keeping(files, folder, name, replace=not arguments.append))
                return with_life(voiceprint, arguments)

            if arguments.output is None:
                voiceprint = _store(store, name, enrolled, arguments)
            else:
                voiceprint = _write(store, path, enrolled, arguments)
        _report(voiceprint, path, is_json=arguments.json)
        if arguments.remember:
            for recording in _rewound(recordings):
                blocks = open_recording(recording, None, reading=shared.reading(arguments))
                RememberedRecordings(store).remember(name, blocks)
    return 0


def _checked_path(arguments: argparse.Namespace, name: str, store: VoiceprintStore) -> Path:
    """Return the file of the new voiceprint. Errors of writing it are reported before slow work."""
    if arguments.output is None:
        store.check_new(name, replace=arguments.replace, append=arguments.append)
        return store.path(name)
    if arguments.remember:
        raise ConfigError(
            "expected --remember without --output, got both: only the store remembers recordings"
        )
    output: Path = arguments.output
    check_file(output, replace=arguments.replace, append=arguments.append)
    return output


def _report(voiceprint: Voiceprint, path: Path, *, is_json: bool) -> None:
    if is_json:
        print_json({**summary(voiceprint), "path": str(path)})
    else:
        print(
            f"enrolled {voiceprint.name}: {counted(len(voiceprint.exemplars), 'recording')}, "
            f"{voiceprint.total_speech_s:.1f} s of speech, in {printable(path)}"
        )
    if voiceprint.total_speech_s < NEEDED_S:
        print_note(
            f"decisions are more reliable with {NEEDED_S:g} s of speech or more; add recordings "
            "with --append"
        )


def _check_no_recording(name: str, store: VoiceprintStore) -> None:
    """Refuse a recording in the place of the name: one recording would silently be left out."""
    path = Path(name)
    if path.suffix and path.is_file() and name not in store.names():
        raise ConfigError(
            f"expected the speaker's name before the recordings, got the file {name}; "
            f"for example: speakersdk enroll ann {name}"
        )


def _copied(path: str, copies: contextlib.ExitStack) -> str | BinaryIO:
    """Copy a pipe, which could be read only once."""
    copy = copied_pipe(path)
    return path if copy is None else copies.enter_context(copy)


def _rewound(recordings: list[str | BinaryIO]) -> list[str | BinaryIO]:
    for recording in recordings:
        if not isinstance(recording, str):
            recording.seek(0)
    return recordings


def _store(
    store: VoiceprintStore,
    name: str,
    enrolled: Callable[[Voiceprint | None], Voiceprint],
    arguments: argparse.Namespace,
) -> Voiceprint:
    """Enroll and store; start over if another process changes the voiceprint meanwhile."""
    while True:
        known = None
        if arguments.append:
            with contextlib.suppress(UnknownSpeakerError):
                known = store.load(name)
        voiceprint = enrolled(known)
        if known is None:
            try:
                return store.save(voiceprint, replace=arguments.replace)
            except DuplicateSpeakerError as error:
                if not arguments.append or error.name != name:  # such as "Ann" for "ann"
                    raise
        elif store.exchange(known, voiceprint):
            return voiceprint


def _write(
    store: VoiceprintStore,
    path: Path,
    enrolled: Callable[[Voiceprint | None], Voiceprint],
    arguments: argparse.Namespace,
) -> Voiceprint:
    """Enroll and write a file; start over if another process changes it meanwhile."""
    while True:
        known = load_file(path, store) if arguments.append and os.path.lexists(path) else None
        voiceprint = enrolled(known)
        if known is None:
            try:
                voiceprint.save(path, is_new=not arguments.replace, key=store.key)
                return voiceprint
            except FileExistsError:
                if not arguments.append:
                    raise
        elif _exchange(path, known, voiceprint, store):
            return voiceprint


def _exchange(path: Path, known: Voiceprint, new: Voiceprint, store: VoiceprintStore) -> bool:
    """Write a file that still contains `known`, and return whether it did."""
    with file_lock(path):
        is_unchanged = load_file(path, store) == known
        if is_unchanged:
            new.save(path, key=store.key)
        return is_unchanged
