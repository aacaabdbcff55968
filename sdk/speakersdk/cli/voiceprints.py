"""Voiceprints on the command line: resolving references and checking output files.

A reference is the name of an enrolled speaker, a voiceprint file or a recording. ``@NAME`` is
always a name and ``./FILE`` is always a file.
"""

from __future__ import annotations

import argparse
import os
import re
import unicodedata
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from speakersdk.audio.levels import AudioProblem
from speakersdk.cli.output import print_message
from speakersdk.cli.parser import CommandParser
from speakersdk.errors import AudioError, ConfigError, EnrollmentError, UnknownSpeakerError
from speakersdk.sealing import key_if_sealed
from speakersdk.text import counted, decoded_argument, printable
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.life import Consent, expiry_after, utc_now
from speakersdk.voiceprint.names import check_name
from speakersdk.voiceprint.store import UnreadableFile, VoiceprintStore
from speakersdk.voiceprint.uses import LastUses
from speakersdk.voiceprint.voiceprint import SUFFIX, Voiceprint

REFERENCE_HELP: Final = (
    "an enrolled name, a .voiceprint file or a recording (@NAME is always a name, ./FILE a file)"
)

# Characters of folder and file; a name may have 200 bytes.
_MAXIMUM_CHARACTERS: Final = 40


def add_references(parser: CommandParser) -> None:
    """Add the candidates of a command; without any, they are all enrolled speakers."""
    parser.inputs.add_argument(
        "references",
        nargs="*",
        default=[],
        metavar="REFERENCE",
        help=f"{REFERENCE_HELP}; default: all enrolled speakers",
    )


def is_enrolled(reference: str, store: VoiceprintStore) -> bool:
    """Return whether a reference names a stored voiceprint, in any Unicode normal form."""
    return (
        unicodedata.normalize("NFC", decoded_argument(reference).removeprefix("@")) in store.names()
    )


def resolve(reference: str, store: VoiceprintStore) -> Voiceprint | Path:
    """Return the voiceprint of a reference, or the path of a recording.

    Raises:
        ConfigError: the reference is both a name and a file.
        UnknownSpeakerError: the reference is neither.
    """
    if reference.startswith("@"):
        return load_for_use(reference[1:], store)
    path = Path(reference)
    is_name = is_enrolled(reference, store)
    # `Path.exists` raises an error for names that are too long; this function does not.
    is_file = os.path.exists(path)  # noqa: PTH110
    if is_name and is_file:
        shown = printable(reference)
        raise ConfigError(
            f"'{shown}' is an enrolled name and a file; "
            f"write @{shown} for the name or ./{shown} for the file"
        )
    if is_name:
        return load_for_use(reference, store)
    if path.suffix == SUFFIX:
        return load_file(path, store)
    if is_file or path.suffix or path.name != reference:
        return path  # looks like a file; reading it reports a missing file
    raise UnknownSpeakerError(reference, known=store.names())


def check_recording(recording: str, store: VoiceprintStore, line: str) -> None:
    """Refuse a speaker's name in the place of a recording.

    Args:
        recording: the argument. A path that does not exist is reported when it is read.
        store: the enrolled speakers.
        line: the order of the arguments, to be shown.
    """
    if not os.path.lexists(recording) and recording in store.names():
        raise ConfigError(
            f"expected a recording, got the enrolled name {recording!r}; write speakersdk {line}"
        )


def load_file(path: Path, store: VoiceprintStore) -> Voiceprint:
    """Load a voiceprint file that the user named. The store's key opens a sealed one."""
    return Voiceprint.load(path, key=key_if_sealed(path, store.key))


def resolve_voiceprint(reference: str, store: VoiceprintStore, verifier: Verifier) -> Voiceprint:
    """Return the voiceprint of a reference. A recording is enrolled under its file name."""
    resolved = resolve(reference, store)
    if isinstance(resolved, Voiceprint):
        return resolved
    try:
        name = check_name(resolved.stem)
    except ConfigError:
        name = "reference"
    try:
        # A recording for a comparison need not be good enough for enrollment.
        return verifier.enroll([resolved], name=name, accept=tuple(AudioProblem))
    except EnrollmentError as error:
        cause = error.__cause__
        if not isinstance(cause, AudioError):
            raise
    # The user did not ask to enroll anybody. Raised above, the error would be its own context.
    raise cause


def resolve_voiceprints(
    references: list[str], store: VoiceprintStore, verifier: Verifier
) -> list[Voiceprint]:
    """Return the voiceprints of references, each under a name of its own."""
    return _with_distinct_names(
        references, [resolve_voiceprint(reference, store, verifier) for reference in references]
    )


def load_enrolled(
    store: VoiceprintStore, verifier: Verifier, *, is_required: bool = True
) -> list[Voiceprint]:
    """Load all voiceprints that can be compared, with a warning for each of the others.

    Raises:
        EnrollmentError: there are none, and the command requires some.
    """
    content = store.content()
    usable, reasons = verifier.usable(content.voiceprints)
    current, expired = LastUses(folder=store.folder).current(usable)
    others = [*map(file_and_reason, content.unreadable), *reasons.values(), *expired.values()]
    if is_required and not current:
        if others:
            raise EnrollmentError(
                f"no voiceprint in {printable(store.folder)} can be used; the first of "
                f"{counted(len(others), 'reason')}: {others[0]}"
            )
        raise EnrollmentError(
            f"nobody is enrolled in {printable(store.folder)}; first: speakersdk enroll NAME "
            "RECORDING... or speakersdk listen --enroll NAME"
        )
    for reason in others:
        print_message("warning", f"skipped: {reason}")
    return current


def load_for_use(name: str, store: VoiceprintStore) -> Voiceprint:
    """Load a stored voiceprint and record its use.

    Raises:
        ExpiredVoiceprintError: the voiceprint has expired.
        UnknownSpeakerError: no voiceprint has that name.
    """
    voiceprint = store.load(name)
    LastUses(folder=store.folder).require_current([voiceprint])
    return voiceprint


def file_and_reason(file: UnreadableFile) -> str:
    """Describe a file that cannot be read in one line."""
    return f"{printable(file.path)}: {file.reason}"


def check_file(path: Path, *, replace: bool = False, append: bool = False) -> None:
    """Refuse an output file name.

    Raises:
        ConfigError: the suffix is wrong, or the file exists and may not be changed.
    """
    if path.suffix != SUFFIX:
        raise ConfigError(f"expected a file name that ends in {SUFFIX}, got {printable(path)}")
    if os.path.lexists(path) and not (replace or append):
        raise ConfigError(
            f"expected a new file, got {printable(path)}, which exists; "
            "use --replace to overwrite it"
        )


def summary(voiceprint: Voiceprint) -> dict[str, object]:
    """Return the fields of a voiceprint for JSON output."""
    return {
        "name": voiceprint.name,
        "recordings": len(voiceprint.exemplars),
        "speech_s": voiceprint.total_speech_s,
        "model_name": voiceprint.model_name,
        "model_sha256": voiceprint.model_sha256,
        "created_utc": voiceprint.created_utc,
        "expires_utc": voiceprint.expires_utc,
        "consent": None if voiceprint.consent is None else voiceprint.consent.to_json(),
        "history": [asdict(change) for change in voiceprint.history],
    }


def with_life(voiceprint: Voiceprint, arguments: argparse.Namespace) -> Voiceprint:
    """Return a voiceprint with the expiry and consent of the options.

    Raises:
        ConfigError: the period is invalid, or `--consent-by` comes without `--consent`.
        ExpiredVoiceprintError: the new expiry is before the latest time in the voiceprint.
    """
    changes: dict[str, Any] = {}
    if arguments.expires is not None:
        is_endless = arguments.expires == "never"
        changes["expires_utc"] = None if is_endless else expiry_after(arguments.expires)
    if arguments.consent is not None:
        try:
            changes["consent"] = Consent(
                given_by=arguments.consent_by or voiceprint.name,
                text_id=arguments.consent,
                given_utc=utc_now(),
            )
        except ValueError as error:
            raise ConfigError(str(error)) from error
    elif arguments.consent_by is not None:
        raise ConfigError("expected --consent TEXT with --consent-by, got none; add it")
    changed = replace(voiceprint, **changes)
    changed.check_current()
    return changed


def _with_distinct_names(references: list[str], voiceprints: list[Voiceprint]) -> list[Voiceprint]:
    """Name recordings with equal file names by folder and file, and by number if needed.

    Phones name every recording "New Recording (1)".
    """
    counts = Counter(voiceprint.name for voiceprint in voiceprints)
    renamed: list[Voiceprint] = []
    for number, (reference, voiceprint) in enumerate(
        zip(references, voiceprints, strict=True), start=1
    ):
        path = Path(reference).absolute()
        if counts[voiceprint.name] > 1 and path.suffix != SUFFIX and path.is_file():
            # Letters, digits, spaces and hyphens are allowed in every name.
            place = unicodedata.normalize("NFC", f"{path.parent.name} {path.stem}")
            words = re.sub(r"[^\w-]+", " ", place).strip(" _-")[:_MAXIMUM_CHARACTERS].split()
            name = " ".join(words) or "reference"
            if name in {one.name for one in renamed}:
                name = f"{name} {number}"
            renamed.append(replace(voiceprint, name=name))
        else:
            renamed.append(voiceprint)
    return renamed
