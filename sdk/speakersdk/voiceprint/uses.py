"""The days on which voiceprints were last used.

They are in a file in the store's folder, and not in the voiceprints: a verification does not write
biometric data. Each day is written once. A clock that is set back before the day of the last use
counts as that day when expiry is checked.
"""

from __future__ import annotations

import errno
import os
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

from speakersdk.arguments import checked
from speakersdk.errors import ExpiredVoiceprintError
from speakersdk.locks import folder_lock
from speakersdk.text import file_name
from speakersdk.voiceprint.attempts import attempts_file
from speakersdk.voiceprint.sealed_store import REMEMBERED_SUFFIX
from speakersdk.voiceprint.state_file import StateFile
from speakersdk.voiceprint.voiceprint import Voiceprint

# A decision does not depend on whether its day can be recorded.
_NOT_WRITABLE: Final = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM,
}  # fmt: skip
FILE_NAME: Final = ".uses.json"


def _now() -> datetime:
    return datetime.now(UTC)


@checked
@dataclass(frozen=True, slots=True, kw_only=True)
class LastUses:
    """The last uses of the voiceprints of a folder.

    Attributes:
        folder: folder of the store; the days are in its file ``.uses.json``.
        clock: function that returns the time in UTC.
    """

    folder: Path
    clock: Callable[[], datetime] = _now

    def days(self) -> dict[str, date]:
        """Return the day of the last use in UTC, by speaker name.

        Raises:
            StateFileError: the file of days is damaged.
        """
        return _days_file(self.folder).read()

    def record(self, voiceprints: Sequence[Voiceprint]) -> list[ExpiredVoiceprintError]:
        """Record a use of each voiceprint today, except of those that have expired.

        If the folder is read-only or its disk is full, no use is recorded; expiry is still checked.

        Returns:
            An error for each expired voiceprint.

        Raises:
            StateFileError: the file of days is damaged.
            OSError: the file cannot be written, although the folder can.
        """
        try:
            days = self.days()
        except PermissionError:  # the folder belongs to another user, who grants only reading
            days = {}
        now = self.clock()
        used, expired = self.divided(voiceprints, days, now)
        today = now.date()
        if any(days.get(name) != today for name in used) and os.access(self.folder, os.W_OK):
            try:
                with folder_lock(self.folder):
                    _days_file(self.folder).write(self.days() | dict.fromkeys(used, today))
            except OSError as error:
                if error.errno not in _NOT_WRITABLE:
                    raise
        return expired

    @staticmethod
    def divided(
        voiceprints: Sequence[Voiceprint], days: Mapping[str, date], now: datetime
    ) -> tuple[list[str], list[ExpiredVoiceprintError]]:
        """Divide voiceprints by whether they are current, and record nothing.

        Args:
            voiceprints: the voiceprints that are used.
            days: the days of last uses by name, wherever they are stored.
            now: the current time.

        Returns:
            The names of the current voiceprints, and an error for each expired one.
        """
        used, expired = [], []
        for voiceprint in voiceprints:
            # Days of other voiceprints do not count: a clock that was set forward by mistake may
            # have written them.
            day = datetime.combine(days.get(voiceprint.name, date.min), time(), UTC)
            try:
                voiceprint.check_current(now, used=day)
                used.append(voiceprint.name)
            except ExpiredVoiceprintError as error:
                expired.append(error)
        return used, expired

    def require_current(self, voiceprints: Sequence[Voiceprint]) -> None:
        """Record uses like `record`, and refuse expired voiceprints.

        Raises:
            ExpiredVoiceprintError: a voiceprint has expired; the error is that of the first one.
            StateFileError, OSError: as for `record`.
        """
        for error in self.record(voiceprints):
            raise error

    def current(self, voiceprints: Sequence[Voiceprint]) -> tuple[list[Voiceprint], dict[str, str]]:
        """Record uses like `record`, and divide the voiceprints like `Verifier.usable`.

        Returns:
            The voiceprints that have not expired, and by name why the others cannot be used.

        Raises:
            StateFileError, OSError: as for `record`.
        """
        reasons = {error.name: str(error) for error in self.record(voiceprints)}
        return [each for each in voiceprints if each.name not in reasons], reasons


def forget(folder: Path, names: Iterable[str]) -> None:
    """Drop last uses, attempts and remembered recordings. The caller holds the lock of the folder.

    Raises:
        StateFileError: one of their files is damaged.
    """
    erased = {unicodedata.normalize("NFC", name) for name in names}
    _days_file(folder).drop(erased)
    attempts_file(folder).drop(erased)
    for name in erased:
        (folder / file_name(f"{name}{REMEMBERED_SUFFIX}")).unlink(missing_ok=True)


def _days_file(folder: Path) -> StateFile[date]:
    return StateFile(
        path=folder / FILE_NAME,
        key="used",
        parse=date.fromisoformat,
        loss="the last uses of voiceprints are not known",
        default=date.isoformat,
    )
