"""Voiceprints in a database: by name, in the format of their files, sealed if there is a key."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from typing import TypeAlias

from speakersdk import (
    DuplicateSpeakerError,
    SealError,
    SealingKey,
    Voiceprint,
    VoiceprintError,
    check_new_name,
)

# The voiceprints that can be read, sorted by name, and the errors of the others by name.
StoredVoiceprints: TypeAlias = tuple[tuple[Voiceprint, ...], dict[str, str]]


def as_stored(name: str) -> str:
    """Return a name in the form of voiceprints, without NUL, which PostgreSQL refuses."""
    return unicodedata.normalize("NFC", name).replace("\0", "\ufffd")


def check_name(name: str, taken: Collection[str], *, replace: bool) -> None:
    """Raise the errors of `Storage.save` about the name, where these names are taken."""
    if as_stored(name) not in taken:
        check_new_name(name, taken)
    elif not replace:
        raise DuplicateSpeakerError(name)


def packed(voiceprint: Voiceprint, key: SealingKey | None) -> bytes:
    """Return what a database contains of a voiceprint."""
    content = voiceprint.to_bytes()
    return content if key is None else key.seal(content)


def unpacked(name: str, content: bytes, key: SealingKey | None) -> Voiceprint:
    """Return the voiceprint that was stored with this name.

    Raises:
        SealError: the content was sealed with another key, or not sealed.
        VoiceprintError: the content is damaged, or belongs to another name.
    """
    voiceprint = Voiceprint.from_bytes(content if key is None else key.open(content))
    if voiceprint.name != name:
        raise VoiceprintError(f"expected the voiceprint of {name!r}, got another one")
    return voiceprint


def all_unpacked(stored: Iterable[tuple[str, bytes]], key: SealingKey | None) -> StoredVoiceprints:
    """Return the voiceprints that can be read, sorted by name, and the errors of the others."""
    voiceprints, unreadable = [], {}
    for name, content in stored:
        try:
            voiceprints.append(unpacked(name, content, key))
        except (SealError, VoiceprintError) as error:
            unreadable[name] = str(error)
    return tuple(sorted(voiceprints, key=lambda voiceprint: voiceprint.name)), unreadable


def unusable_database(error: Exception) -> ConnectionError:
    """Return the error for a database that cannot be used, in one line."""
    return ConnectionError(f"the database cannot be used: {' '.join(str(error).split())}")
