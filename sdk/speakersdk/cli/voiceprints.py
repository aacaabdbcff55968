"""Voiceprints on the command line: what a reference means, and which files they go to.

A reference is the name of an enrolled speaker, a voiceprint file or a recording. ``@NAME`` is
always a name and ``./FILE`` always a file, for when a name is also a file's.
"""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path
from typing import Final

from speakersdk.audio.levels import AudioProblem
from speakersdk.errors import ConfigError, EnrollmentError, UnknownSpeakerError
from speakersdk.text import printable
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.names import check_name
from speakersdk.voiceprint.store import UnreadableFile, VoiceprintStore
from speakersdk.voiceprint.voiceprint import SUFFIX, Voiceprint

REFERENCE_HELP: Final = (
    "an enrolled name, a .voiceprint file or a recording (@NAME is always a name, ./FILE a file)"
)


def is_enrolled(reference: str, store: VoiceprintStore) -> bool:
    """Whether a reference is the name of a stored voiceprint, typed in either Unicode form."""
    return unicodedata.normalize("NFC", reference.removeprefix("@")) in store.names()


def resolve(reference: str, store: VoiceprintStore) -> Voiceprint | Path:
    """The voiceprint that a reference means, or the path of a recording.

    Raises:
        ConfigError: it is both a name and a file.
        UnknownSpeakerError: it is neither.
    """
    if reference.startswith("@"):
        return store.load(reference[1:])
    path = Path(reference)
    is_name = is_enrolled(reference, store)
    if is_name and path.exists():
        shown = printable(reference)
        raise ConfigError(
            f"'{shown}' is an enrolled name and a file; "
            f"write @{shown} for the name or ./{shown} for the file"
        )
    if is_name:
        return store.load(reference)
    if path.suffix == SUFFIX:
        return Voiceprint.load(path)
    if path.exists() or path.suffix or path.name != reference:
        return path  # looks like a file: if there is none, reading it says so
    raise UnknownSpeakerError(reference, known=store.names())


def resolve_voiceprint(reference: str, store: VoiceprintStore, verifier: Verifier) -> Voiceprint:
    """The voiceprint that a reference means; a recording is enrolled under its file's name."""
    resolved = resolve(reference, store)
    if isinstance(resolved, Voiceprint):
        return resolved
    try:
        name = check_name(resolved.stem)
    except ConfigError:
        name = "reference"
    # What is compared need not be good enough to enroll from.
    return verifier.enroll([resolved], name=name, accept=tuple(AudioProblem))


def enrolled(store: VoiceprintStore) -> list[Voiceprint]:
    """Every voiceprint in the store; a warning names each file that cannot be read.

    Raises:
        EnrollmentError: there is none.
    """
    content = store.content()
    for file in content.unreadable:
        print(f"speakersdk: warning: skipped {warning(file)}", file=sys.stderr)
    if not content.voiceprints:
        raise EnrollmentError(
            f"nobody is enrolled in {printable(store.folder)}; first: speakersdk enroll NAME "
            "RECORDING... or speakersdk listen --enroll NAME"
        )
    return list(content.voiceprints)


def warning(file: UnreadableFile) -> str:
    """What a line says about a file that cannot be read."""
    return f"{printable(file.path)}: {file.reason}"


def check_file(path: Path, *, replace: bool = False, append: bool = False) -> None:
    """Refuse a file name that no voiceprint may be written to.

    Raises:
        ConfigError: the suffix is another one, or the file exists and neither was asked for.
    """
    if path.suffix != SUFFIX:
        raise ConfigError(f"expected a file name that ends in {SUFFIX}, got {printable(path)}")
    if path.exists() and not (replace or append):
        raise ConfigError(f"expected a new file, got {printable(path)}, which exists; --replace it")


def summary(voiceprint: Voiceprint) -> dict[str, object]:
    """What JSON output says of a voiceprint."""
    return {
        "name": voiceprint.name,
        "recordings": len(voiceprint.exemplars),
        "speech_s": voiceprint.total_speech_s,
        "model_name": voiceprint.model_name,
        "model_sha256": voiceprint.model_sha256,
        "created_utc": voiceprint.created_utc,
    }
