"""``speakersdk profiles``: manage the stored voiceprints."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from speakersdk.cli import arguments as shared
from speakersdk.cli.keys import find_key
from speakersdk.cli.output import print_json, print_message, print_note, print_table
from speakersdk.cli.parser import CommandParser, Subparsers
from speakersdk.cli.program import FAILED
from speakersdk.cli.voiceprints import (
    check_file,
    file_and_reason,
    load_file,
    load_for_use,
    summary,
    with_life,
)
from speakersdk.enrollment.joining import join_voiceprints
from speakersdk.errors import ConfigError
from speakersdk.gallery.erasure import erase, erase_all
from speakersdk.sealing import SealingKey
from speakersdk.text import counted, os_error_text, printable
from speakersdk.voiceprint.life import utc_now
from speakersdk.voiceprint.sealed_store import recast
from speakersdk.voiceprint.store import VoiceprintStore
from speakersdk.voiceprint.uses import LastUses
from speakersdk.voiceprint.voiceprint import Voiceprint


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments and actions."""
    shared.add_options(parser, "voiceprints", "json")
    parser.set_defaults(replace=False, append=False, model=None)
    add = partial(_add_action, parser.add_subparsers(title="actions", metavar="ACTION"))

    action = add("list", "list all stored voiceprints and unreadable files", run, "", "--json")
    shared.add_options(action, "json")

    purpose = "show one voiceprint and the speech in each recording"
    action = add("show", purpose, run_show, "ann", "ann --json")
    _add_name(action)
    shared.add_options(action, "json")

    action = add("revert", "undo what `verify --adapt` added", run_revert, "ann", "ann bob")
    _add_names(action)

    purpose = "set when voiceprints expire, and record consent"
    action = add("set", purpose, run_set, "ann --expires 1y", "ann --consent v2")
    _add_names(action)
    action.set_defaults(expires=None, consent=None, consent_by=None)
    shared.add_options(action, "life")

    purpose = "delete voiceprints, including unreadable files"
    _add_names(add("remove", purpose, run_remove, "ann", "ann bob"))

    purpose = "overwrite and delete speakers, also in galleries"
    action = add("erase", purpose, run_erase, "ann", "--all")
    _add_names(action, nargs="*", default=[])
    action.inputs.add_argument(
        "--all", action="store_true", default=False, help="erase everything in the folder"
    )

    examples = "ann -o ann.voiceprint", "ann -o ann.voiceprint --replace"
    action = add("export", "copy a voiceprint to a file", run_export, *examples)
    _add_name(action)
    action.places.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE.voiceprint",
        help="file to write",
    )
    action.requests.add_argument("--replace", action="store_true", help="overwrite the file")

    examples = "ann.voiceprint", "ann.voiceprint --append"
    action = add("import", "store voiceprint files under their names", run_import, *examples)
    action.inputs.add_argument(
        "files", nargs="+", type=Path, metavar="FILE.voiceprint", help="voiceprint files"
    )
    shared.add_options(action, "replace_or_append", "model")

    everything = "all voiceprints and galleries in the folder"
    examples = "--key keyring", "--key file:voices.key"
    add("seal", f"encrypt {everything} with --key", run_seal, *examples)
    add("unseal", f"decrypt {everything}", run_unseal, *examples)
    examples = (
        "--key keyring --new-key keyring:second",
        "--key file:old.key --new-key file:new.key",
    )
    action = add("rekey", f"encrypt {everything} with another key", run_rekey, *examples)
    action.requests.add_argument(
        "--new-key", required=True, metavar="KEY", help="as --key; created if it does not exist"
    )


def _add_action(
    actions: Subparsers,
    name: str,
    purpose: str,
    run: Callable[[argparse.Namespace], int],
    *examples: str,
) -> CommandParser:
    """Add an action; examples are its arguments."""
    action = actions.add_parser(
        name,
        help=purpose,
        description=f"{purpose[0].upper()}{purpose[1:]}.",
        examples=[f"speakersdk profiles {name} {example}".rstrip() for example in examples],
        # The action's default must not override an option given before the action.
        argument_default=argparse.SUPPRESS,
    )
    shared.add_options(action, "voiceprints")
    action.set_defaults(run=run)
    return action


def _add_name(action: CommandParser) -> None:
    action.add_speakers("name", help="name of a speaker")


def _add_names(action: CommandParser, **settings: Any) -> None:
    settings = {"nargs": "+", **settings}
    action.add_speakers("names", help="names of speakers", **settings)


def run(arguments: argparse.Namespace) -> int:
    """List all voiceprints and report the files that cannot be read."""
    store = shared.open_store(arguments)
    content = store.content()
    if arguments.json:
        days = _days(store)
        print_json([_described(voiceprint, days) for voiceprint in content.voiceprints])
    else:
        _print_voiceprints(content.voiceprints, store)
    for file in content.unreadable:
        print_message("error", f"unreadable: {file_and_reason(file)}")
    return FAILED if content.unreadable else 0


def run_show(arguments: argparse.Namespace) -> int:
    """Show one voiceprint."""
    store = shared.open_store(arguments)
    voiceprint = store.load(arguments.name)
    if arguments.json:
        print_json(
            {
                **_described(voiceprint, _days(store)),
                "recordings_speech_s": voiceprint.speech_s.tolist(),
                "adapted_speech_s": voiceprint.adapted_speech_s.tolist(),
            }
        )
    else:
        _print_voiceprints([voiceprint], store)
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
        if (consent := voiceprint.consent) is not None:
            print_table(
                ("consent", "given_by", "given_utc"),
                [(consent.text_id, consent.given_by, consent.given_utc)],
            )
    return 0


def run_revert(arguments: argparse.Namespace) -> int:
    """Remove the exemplars that adaptation added."""
    store = shared.open_store(arguments)
    for name in [store.load(name).name for name in arguments.names]:
        before, _ = _change(store, name, lambda stored: stored.reverted(at_utc=utc_now()))
        dropped = counted(len(before.adapted), "adapted recording")
        print(f"reverted {name}: {dropped} dropped")
    return 0


def run_set(arguments: argparse.Namespace) -> int:
    """Change expiry and consent of stored voiceprints that have not expired."""
    store = shared.open_store(arguments)
    if arguments.expires is None and arguments.consent is None:
        raise ConfigError("expected --expires PERIOD or --consent TEXT, got neither")
    for name in [load_for_use(name, store).name for name in arguments.names]:
        _, now = _change(store, name, lambda stored: with_life(stored, arguments))
        consent = "none" if now.consent is None else now.consent.text_id
        print(f"set {name}: expires {now.expires_utc or 'never'}, consent {consent}")
    return 0


def _change(
    store: VoiceprintStore, name: str, change: Callable[[Voiceprint], Voiceprint]
) -> tuple[Voiceprint, Voiceprint]:
    """Change a stored voiceprint, and return it before and after.

    The change starts over if another process changes the voiceprint in the meantime.
    """
    while True:
        before = store.load(name)
        after = change(before)
        if store.exchange(before, after):
            return before, after


def run_remove(arguments: argparse.Namespace) -> int:
    """Delete all named voiceprints, or none."""
    store = shared.open_store(arguments)
    store.remove(*arguments.names)
    for name in dict.fromkeys(arguments.names):
        print(f"removed {printable(name)}")
    return 0


def run_erase(arguments: argparse.Namespace) -> int:
    """Erase the named speakers, or everything, and print what was erased."""
    store = shared.open_store(arguments)
    if bool(arguments.names) == arguments.all:
        raise ConfigError("expected either names to erase or --all")
    num_erased = 0
    for line in erase_all(store) if arguments.all else erase(store, arguments.names):
        print(line)
        num_erased += 1
    _note_nothing(num_erased, "erased", store.folder)
    return 0


def run_export(arguments: argparse.Namespace) -> int:
    """Copy a voiceprint from the store to a file."""
    store = shared.open_store(arguments)
    voiceprint = store.load(arguments.name)
    check_file(arguments.output, replace=arguments.replace)
    voiceprint.save(arguments.output, is_new=not arguments.replace, key=store.key)
    print(f"exported {voiceprint.name} to {printable(arguments.output)}")
    return 0


def run_import(arguments: argparse.Namespace) -> int:
    """Copy files into the store: all of them, or none if one cannot be used."""
    store = shared.open_store(arguments)
    voiceprints = [load_file(path, store) for path in arguments.files]
    if arguments.append:
        manifest = shared.open_verifier(arguments).manifest
        store.save_all(voiceprints, append=True, join=partial(join_voiceprints, manifest=manifest))
    else:
        store.save_all(voiceprints, replace=arguments.replace)
    for voiceprint in voiceprints:
        print(f"imported {voiceprint.name}")
    return 0


def run_seal(arguments: argparse.Namespace) -> int:
    """Seal all plain files."""
    key = find_key(arguments.key, create=True)
    return _recast(arguments, "sealed", key=None, new_key=_given(key))


def run_unseal(arguments: argparse.Namespace) -> int:
    """Unseal all files."""
    key = _given(find_key(arguments.key))
    return _recast(arguments, "unsealed", key=key, new_key=None)


def run_rekey(arguments: argparse.Namespace) -> int:
    """Seal all files with another key."""
    key = _given(find_key(arguments.key))
    new_key = _given(find_key(arguments.new_key, create=True))
    return _recast(arguments, "rekeyed", key=key, new_key=new_key)


def _given(key: SealingKey | None) -> SealingKey:
    if key is None:
        raise ConfigError("expected a key: --key keyring, --key file:PATH or --key passphrase")
    return key


def _recast(
    arguments: argparse.Namespace, done: str, *, key: SealingKey | None, new_key: SealingKey | None
) -> int:
    folder = VoiceprintStore(arguments.voiceprints).folder
    changed = recast(folder, key=key, new_key=new_key)
    for path in changed:
        print(f"{done} {printable(path.name)}")
    _note_nothing(len(changed), done, folder)
    return 0


def _note_nothing(num_changed: int, done: str, folder: Path) -> None:
    """Report a folder in which nothing was changed: it may be the wrong one."""
    if num_changed == 0:
        print_note(f"nothing was {done} in {printable(folder)}")


def _days(store: VoiceprintStore) -> Mapping[str, date] | None:
    """Return the days of the last uses; None if they cannot be read.

    The folder may be another user's. Its voiceprints are still shown.
    """
    try:
        return LastUses(folder=store.folder).days()
    except PermissionError as error:
        print_message("warning", f"the last uses are not known: {os_error_text(error)}")
        return None


def _described(voiceprint: Voiceprint, days: Mapping[str, date] | None) -> dict[str, object]:
    day = None if days is None else days.get(voiceprint.name)
    return {**summary(voiceprint), "last_used": None if day is None else day.isoformat()}


def _print_voiceprints(voiceprints: Sequence[Voiceprint], store: VoiceprintStore) -> None:
    days = _days(store)
    print_table(
        ("name", "recordings", "speech_s", "model", "created_utc", "last_used", "expires_utc"),
        [
            (
                voiceprint.name,
                str(len(voiceprint.exemplars)),
                f"{voiceprint.total_speech_s:.1f}",
                voiceprint.model_name,
                voiceprint.created_utc,
                "unknown" if days is None else str(days.get(voiceprint.name, "never")),
                voiceprint.expires_utc or "never",
            )
            for voiceprint in voiceprints
        ],
    )
