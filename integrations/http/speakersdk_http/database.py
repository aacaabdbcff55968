"""Voiceprints in a database: by name, in the format of their files, sealed if there is a key.

Next to them is a mark of the last change, which readers compare to see whether their data is
current. The days of last uses are not part of the voiceprints, and do not count as a change.
"""

from __future__ import annotations

import threading
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TypeAlias

from speakersdk import (
    DuplicateSpeakerError,
    ExpiredVoiceprintError,
    LastUses,
    SealError,
    SealingKey,
    UnknownSpeakerError,
    Voiceprint,
    VoiceprintError,
    check_new_name,
)

# The voiceprints that can be read, sorted by name, and the errors of the others by name.
StoredVoiceprints: TypeAlias = tuple[tuple[Voiceprint, ...], dict[str, str]]


class DatabaseStorage(ABC):
    """A `Storage` in a database, which a subclass reads and changes.

    Args:
        key: key with which every voiceprint is sealed; None means plain voiceprints.
    """

    def __init__(self, key: SealingKey | None) -> None:
        self._key = key
        self._lock = threading.Lock()
        self._mark: object = None
        self._content: StoredVoiceprints = ((), {})
        self._uses_lock = threading.Lock()
        self._days: dict[str, date] = {}  # of the last uses
        self._asked: set[str] = set()  # whose days were read on `_asked_on`
        self._asked_on = date.min

    def load(self, name: str) -> Voiceprint:
        """See `Storage`."""
        content = self._read(as_stored(name))
        if content is None:
            raise UnknownSpeakerError(name)
        return self._opened(as_stored(name), content)

    def save(self, voiceprint: Voiceprint, *, replace: bool) -> Voiceprint:
        """See `Storage`."""
        content = voiceprint.to_bytes()
        sealed = content if self._key is None else self._key.seal(content)
        self._write(voiceprint.name, sealed, replace=replace)
        return voiceprint

    def remove(self, name: str) -> None:
        """See `Storage`; the database itself may keep a copy for a while."""
        self._delete(as_stored(name))
        with self._uses_lock:
            self._days.pop(as_stored(name), None)

    def load_all(self) -> StoredVoiceprints:
        """See `Storage`; voiceprints are read again after a change."""
        with self._lock:
            changed = self._read_all_after(self._mark)
            if changed is not None:
                mark, stored = changed
                self._content, self._mark = self._all_opened(stored), mark
            return self._content

    def record(
        self, voiceprints: Sequence[Voiceprint], *, now: datetime | None = None
    ) -> list[ExpiredVoiceprintError]:
        """See `Storage`; of a voiceprint, the database is asked once a day, and no other request.

        Args:
            voiceprints: the voiceprints that are used.
            now: the current time; None means that of the clock.
        """
        now = now or datetime.now(UTC)
        today = now.date()
        names = [voiceprint.name for voiceprint in voiceprints]
        with self._uses_lock:
            if today != self._asked_on:
                self._asked, self._asked_on = set(), today
            if others := [name for name in names if name not in self._asked]:
                self._days |= self._read_days(others)
                self._asked.update(others)
            used, expired = LastUses.divided(voiceprints, self._days, now)
            if changed := [name for name in used if self._days.get(name) != today]:
                self._write_days(changed, today)
                self._days |= dict.fromkeys(changed, today)
        return expired

    def _all_opened(self, stored: Iterable[tuple[str, bytes]]) -> StoredVoiceprints:
        voiceprints, unreadable = [], {}
        for name, content in stored:
            try:
                voiceprints.append(self._opened(name, content))
            except (SealError, VoiceprintError) as error:
                unreadable[name] = str(error)
        voiceprints.sort(key=lambda voiceprint: voiceprint.name)
        return tuple(voiceprints), unreadable

    def _opened(self, name: str, content: bytes) -> Voiceprint:
        voiceprint = Voiceprint.from_bytes(
            content if self._key is None else self._key.open(content)
        )
        if voiceprint.name != name:
            raise VoiceprintError(f"expected the voiceprint of {name!r}, got another one")
        return voiceprint

    @abstractmethod
    def _read(self, name: str) -> bytes | None:
        """Return the stored content of a name, if there is any."""

    @abstractmethod
    def _write(self, name: str, content: bytes, *, replace: bool) -> None:
        """Store content after `check_name`, and mark the change."""

    @abstractmethod
    def _delete(self, name: str) -> None:
        """Delete the content of a name and mark the change.

        Raises:
            UnknownSpeakerError: there is no such name.
        """

    @abstractmethod
    def _read_all_after(self, mark: object) -> tuple[object, Iterable[tuple[str, bytes]]] | None:
        """Return the mark of the last change, and all names with their content.

        None means that nothing has changed since `mark`. A mark of None is older than any change.
        """

    @abstractmethod
    def _read_days(self, names: Sequence[str]) -> Mapping[str, date]:
        """Return the days of the last uses of these names, as far as there are any."""

    @abstractmethod
    def _write_days(self, names: Sequence[str], day: date) -> None:
        """Store the day of the last use of those names that have a voiceprint."""


def as_stored(name: str) -> str:
    """Return a name in the form of voiceprints, without NUL, which PostgreSQL refuses."""
    return unicodedata.normalize("NFC", name).replace("\0", "\ufffd")


def check_name(name: str, taken: Collection[str], *, replace: bool) -> None:
    """Raise the errors of `Storage.save` about the name, where these names are taken."""
    if as_stored(name) not in taken:
        check_new_name(name, taken)
    elif not replace:
        raise DuplicateSpeakerError(name)


def unusable_database(error: Exception) -> ConnectionError:
    """Return the error for a database that cannot be used, in one line."""
    return ConnectionError(f"the database cannot be used: {' '.join(str(error).split())}")
