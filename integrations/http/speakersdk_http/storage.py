"""The storage of voiceprints: a folder of this machine, or a database shared by machines."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

from speakersdk import ExpiredVoiceprintError, LastUses, Voiceprint, VoiceprintStore
from speakersdk_http.database import StoredVoiceprints


class Storage(Protocol):
    """Stored voiceprints by name, for any number of threads and processes."""

    def load(self, name: str) -> Voiceprint:
        """Load the voiceprint of a speaker.

        Raises:
            UnknownSpeakerError: no speaker of that name is enrolled.
        """

    def check_new(self, name: str, *, replace: bool) -> None:
        """Raise the errors of `save` about the name, before recordings are read."""

    def save(self, voiceprint: Voiceprint, *, replace: bool) -> Voiceprint:
        """Store a voiceprint and return it.

        Raises:
            DuplicateSpeakerError: the name is taken, and `replace` is not set.
            ConfigError: the name can be mistaken for another.
        """

    def remove(self, name: str) -> None:
        """Delete a voiceprint.

        Raises:
            UnknownSpeakerError: no speaker of that name is enrolled.
        """

    def load_all(self) -> StoredVoiceprints:
        """Load all voiceprints that can be read, sorted by name, and the errors of the others."""

    def record(self, voiceprints: Sequence[Voiceprint]) -> list[ExpiredVoiceprintError]:
        """Record a use of each voiceprint today, and return an error for each expired one.

        Each day is written once. A clock that is set back counts as the day of the last use.
        """

    def close(self) -> None:
        """Close all connections."""


class FolderStorage:
    """A `Storage` in the folder of the command line."""

    def __init__(self, store: VoiceprintStore) -> None:
        self._store = store
        self._uses = LastUses(folder=store.folder)
        self._lock = threading.Lock()
        self._signature: frozenset[tuple[str, int, int, int]] | None = None
        self._content: StoredVoiceprints = ((), {})

    def load(self, name: str) -> Voiceprint:
        """See `Storage`."""
        return self._store.load(name)

    def check_new(self, name: str, *, replace: bool) -> None:
        """See `Storage`."""
        self._store.check_new(name, replace=replace)

    def save(self, voiceprint: Voiceprint, *, replace: bool) -> Voiceprint:
        """See `Storage`."""
        return self._store.save(voiceprint, replace=replace)

    def remove(self, name: str) -> None:
        """See `Storage`; the file is overwritten first."""
        self._store.remove(name, is_overwritten=True)

    def load_all(self) -> StoredVoiceprints:
        """See `Storage`; files are read again after a change, which replaces whole files."""
        folder = self._store.folder
        with self._lock:
            found = set()
            for name in self._store.files():
                try:
                    state = (folder / name).stat()
                except FileNotFoundError:  # removed after it was listed
                    continue
                found.add((name, state.st_ino, state.st_ctime_ns, state.st_size))
            signature = frozenset(found)
            if signature != self._signature:
                content = self._store.content()
                unreadable = {file.path.name: file.reason for file in content.unreadable}
                self._content = content.voiceprints, unreadable
                self._signature = signature
            return self._content

    def record(self, voiceprints: Sequence[Voiceprint]) -> list[ExpiredVoiceprintError]:
        """See `Storage`."""
        return self._uses.record(voiceprints)

    def close(self) -> None:
        """See `Storage`."""
