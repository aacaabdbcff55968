"""The expiry of the entries of a gallery: a search does not return expired entries."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.text import printable
from speakersdk.voiceprint.life import utc_time
from speakersdk.voiceprint.voiceprint import Voiceprint

NEVER: Final = 0  # in a file
_LATEST: Final = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())  # the latest time of datetime
_NAMES_SHOWN: Final = 5


class EntryExpiry:
    """The times of expiry of entries, in whole seconds since 1970 (UTC).

    An expired entry stays expired even if the clock is set back.
    """

    def __init__(self) -> None:
        self._ends: dict[str, int] = {}
        self._expired: frozenset[str] = frozenset()
        self._next = math.inf  # the earliest end of all that have not expired

    def __bool__(self) -> bool:
        return bool(self._ends)

    def add(self, voiceprints: Iterable[Voiceprint]) -> None:
        """Add the times of expiry of voiceprints, which may have none."""
        self.update(
            {
                voiceprint.name: math.floor(utc_time(voiceprint.expires_utc).timestamp())
                for voiceprint in voiceprints
                if voiceprint.expires_utc is not None
            }
        )

    def update(self, ends: Mapping[str, int]) -> None:
        """Add times of expiry by name."""
        self._ends.update(ends)
        self._next = min(self._next, min(ends.values(), default=math.inf))

    def remove(self, name: str) -> None:
        """Remove an entry, whether or not it expires."""
        self._ends.pop(name, None)
        self._expired -= {name}

    def expired(self) -> frozenset[str]:
        """Return the names of expired entries, with a warning about newly expired ones."""
        now_s = time.time()
        if now_s < self._next:
            return self._expired
        before = self._expired
        self._expired = before | {name for name, end in self._ends.items() if end <= now_s}
        self._next = min((end for end in self._ends.values() if end > now_s), default=math.inf)
        if new := sorted(self._expired - before):
            shown = ", ".join(map(printable, new[:_NAMES_SHOWN]))
            more = f" and {len(new) - _NAMES_SHOWN} more" if len(new) > _NAMES_SHOWN else ""
            warnings.warn(
                f"the gallery skips voiceprints that have expired: {shown}{more}; enroll again, or "
                "remove them",
                stacklevel=4,
            )
        return self._expired

    def to_block(self, names: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the (num,) times of expiry in the order of the names, or `NEVER`."""
        return np.array([self._ends.get(name, NEVER) for name in names], np.int64)

    def read_block(self, names: Sequence[str], block: npt.NDArray[np.int64]) -> None:
        """Add the (num,) times of expiry of a file, in the order of the names.

        Raises:
            ValueError: a time is out of range.
        """
        if not ((block >= NEVER) & (block <= _LATEST)).all():
            raise ValueError(f"expected ends from {NEVER} to {_LATEST} seconds after 1970")
        self.update(
            {name: end for name, end in zip(names, block.tolist(), strict=True) if end != NEVER}
        )
