"""A limit on attempts: whoever was rejected several times in a row has to wait.

At a false-accept rate of 1 %, a stranger who may try 70 times is accepted with a probability of one
half (1 - 0.99^70). The counts are in a file of the store's folder, so that they outlive processes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from speakersdk.errors import AttemptLimitError, ConfigError
from speakersdk.files import folder_lock, open_regular, replacement
from speakersdk.text import printable
from speakersdk.voiceprint.names import check_name

FILE_NAME: Final = ".attempts.json"
_VERSION: Final = 1
_MAXIMUM_BYTES: Final = 1 << 24
_MAXIMUM_DOUBLINGS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLimit:
    """How many rejected attempts a speaker's voiceprint allows, and the wait after them.

    After `tries` rejected attempts within `window_s`, further ones are refused for `wait_s`. The
    wait doubles with each rejection that follows, up to `maximum_wait_s`. An accepted attempt
    clears the count.

    Attributes:
        folder: of the store; the counts are in the file ``.attempts.json`` there.
        tries: rejected attempts until the first wait.
        window_s: rejections longer ago than this, and than the wait, are forgotten.
        wait_s: first wait.
        maximum_wait_s: longest wait.
        clock: seconds since 1970. A clock that is set back does not shorten a wait.
    """

    folder: Path
    tries: int = 5
    window_s: float = 900.0
    wait_s: float = 30.0
    maximum_wait_s: float = 3600.0
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        waits = 0 < self.wait_s <= self.maximum_wait_s < float("inf")
        if self.tries < 1 or not waits or not 0 < self.window_s < float("inf"):
            raise ConfigError(
                "expected tries of at least 1, a window and a wait above 0 s and maximum_wait_s of "
                f"at least wait_s, got {self.tries}, {self.window_s:g}, {self.wait_s:g} and "
                f"{self.maximum_wait_s:g}"
            )

    def begin(self, name: str) -> None:
        """Count an attempt before it is decided; call `accepted` if it succeeds.

        An attempt whose process is killed before its decision counts as rejected.

        Raises:
            AttemptLimitError: the speaker has to wait.
            ConfigError: the file of counts is damaged.
            OSError: it cannot be written.
        """
        name = check_name(name)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with folder_lock(self.folder):
            counts = self._read()
            now = self.clock()
            count, last = counts.get(name, (0, now))
            last = min(last, now) if count < self.tries else last
            wait = self._wait(count)
            left = wait if now < last else wait - (now - last)
            if count >= self.tries and left > 0:
                raise AttemptLimitError(name, count=count, wait_s=left)
            if now - last > max(self.window_s, wait):
                count = 0
            counts[name] = (count + 1, now)
            self._write(counts)

    def accepted(self, name: str) -> None:
        """Forget the attempts of a speaker who was accepted."""
        with folder_lock(self.folder):
            counts = self._read()
            if counts.pop(check_name(name), None) is not None:
                self._write(counts)

    def _wait(self, count: int) -> float:
        doublings = min(max(count - self.tries, 0), _MAXIMUM_DOUBLINGS)
        return min(self.wait_s * 2.0**doublings, self.maximum_wait_s)

    def _read(self) -> dict[str, tuple[int, float]]:
        path = self.folder / FILE_NAME
        try:
            with open_regular(path) as file:
                values: Any = json.loads(file.read(_MAXIMUM_BYTES))
        except FileNotFoundError:
            return {}
        except (ValueError, RecursionError):
            values = None
        counts = values.get("rejected") if isinstance(values, dict) else None
        if not isinstance(counts, dict) or values.get("version") != _VERSION:
            raise self._damaged()
        found = {}
        for name, entry in counts.items():
            if not (
                isinstance(entry, list)
                and len(entry) == 2
                and type(entry[0]) is int
                and type(entry[1]) in (int, float)
                and 0 <= entry[0] < 2**31
                and 0 <= entry[1] < 2**53
            ):
                raise self._damaged()
            found[name] = (entry[0], float(entry[1]))
        return found

    def _damaged(self) -> ConfigError:
        # Not taken for an empty file: whoever damages it must not get new tries.
        return ConfigError(
            f"{printable(self.folder / FILE_NAME)} is damaged, attempts cannot be counted; delete "
            "it to start anew"
        )

    def _write(self, counts: dict[str, tuple[int, float]]) -> None:
        content = {"version": _VERSION, "rejected": {name: list(c) for name, c in counts.items()}}
        with replacement(self.folder / FILE_NAME) as file:
            file.write(json.dumps(content, ensure_ascii=False, sort_keys=True).encode())
