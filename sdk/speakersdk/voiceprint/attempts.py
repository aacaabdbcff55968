"""A limit on attempts: after several rejections in a row, a speaker has to wait.

At a false-accept rate of 1 %, a stranger with 70 attempts is accepted with a probability of one
half (1 - 0.99^70). The counts are in a file in the store's folder so that they outlive processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from speakersdk.arguments import checked
from speakersdk.errors import AttemptLimitError, ConfigError, WrongTypeError
from speakersdk.files import make_private_folder
from speakersdk.locks import folder_lock
from speakersdk.voiceprint.names import check_name
from speakersdk.voiceprint.state_file import StateFile

FILE_NAME: Final = ".attempts.json"
_CLIENTS: Final = ".clients"
_MAXIMUM_DOUBLINGS: Final = 20


class _Answer(Protocol):
    """A decision, an identification, or another value that is true only for an accepted voice."""

    def __bool__(self) -> bool: ...


_A = TypeVar("_A", bound=_Answer)


@checked
@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLimit:
    """The number of rejected attempts that are allowed, and the wait after them.

    After `tries` rejected attempts within `window_s`, further ones are refused for `wait_s`. The
    wait doubles with each rejection that follows, up to `maximum_wait_s`. An accepted attempt
    clears the count.

    Attributes:
        folder: folder of the store; the counts are in its file ``.attempts.json``.
        tries: number of rejected attempts until the first wait. With None, nothing is counted.
        window_s: time after which rejections no longer count, if the wait is shorter.
        wait_s: first wait in seconds.
        maximum_wait_s: longest wait in seconds.
        clock: function that returns seconds since 1970. If the clock is set back during a wait, the
            next attempt begins the wait again.
    """

    folder: Path
    tries: int | None = 5
    window_s: float = 900.0
    wait_s: float = 30.0
    maximum_wait_s: float = 3600.0
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        waits = 0 < self.wait_s <= self.maximum_wait_s < float("inf")
        few = self.tries is not None and self.tries < 1
        if few or not waits or not 0 < self.window_s < float("inf"):
            raise ConfigError(
                "expected tries of at least 1, a window and a wait above 0 s and maximum_wait_s of "
                f"at least wait_s, got {self.tries}, {self.window_s:g}, {self.wait_s:g} and "
                f"{self.maximum_wait_s:g}"
            )

    def for_clients(self) -> AttemptLimit:
        """Return the same limit for clients whose attempts name no speaker.

        Their counts are separate from those of speakers, who may have the same names.
        """
        return replace(self, folder=self.folder / _CLIENTS)

    def decide(self, name: str, answer: Callable[[], _A]) -> _A:
        """Count an attempt, return its answer, and clear the count if the answer is true.

        The attempt counts before it is decided. It counts as rejected unless the answer is true,
        even if the process is killed.

        Args:
            name: name of the speaker.
            answer: function that returns a Decision, an Identification or a bool, such as
                ``lambda: verifier.verify(ann, probe)``.

        Returns:
            What `answer` returned.

        Raises:
            AttemptLimitError: the speaker has to wait; `answer` is not called.
            StateFileError: the file of counts is damaged.
            OSError: the file cannot be written.
        """
        self.begin(name)
        made = answer()
        if not hasattr(made, "__bool__"):  # any other object counts as true
            raise WrongTypeError(f"expected answer to return a decision, got {type(made).__name__}")
        if made:
            self.accepted(name)
        return made

    def begin(self, name: str) -> None:
        """Count an attempt that is decided later; call `accepted` if it succeeds.

        Raises:
            AttemptLimitError, StateFileError, OSError: as for `decide`.
        """
        if self.tries is None:
            return
        name = check_name(name)
        make_private_folder(self.folder)
        with folder_lock(self.folder):
            counts = self._file.read()
            now = max(0.0, self.clock())  # a clock that was never set may be before 1970
            count, recorded = counts.get(name, (0, now))
            last = min(recorded, now)
            wait = self._wait(count - self.tries)
            left = wait - (now - last)
            if count >= self.tries and left > 0:
                if last < recorded:  # the clock was set back: the wait begins again
                    counts[name] = (count, last)
                    self._file.write(counts)
                raise AttemptLimitError(name, count=count, wait_s=left)
            if now - last > max(self.window_s, wait):
                count = 0
            counts[name] = (count + 1, now)
            self._file.write(counts)

    def accepted(self, name: str) -> None:
        """Clear the count of a speaker who was accepted."""
        if self.tries is None:
            return
        with folder_lock(self.folder):
            self._file.drop({check_name(name)})

    def _wait(self, num_further: int) -> float:
        """Return the wait after this many rejections beyond the allowed ones."""
        doublings = min(max(num_further, 0), _MAXIMUM_DOUBLINGS)
        return min(self.wait_s * 2.0**doublings, self.maximum_wait_s)

    @property
    def _file(self) -> StateFile[tuple[int, float]]:
        return attempts_file(self.folder)


def attempts_file(folder: Path) -> StateFile[tuple[int, float]]:
    """Return the file of a store with the rejections in a row and the time of the last attempt."""
    return StateFile(
        path=folder / FILE_NAME,
        key="rejected",
        parse=_attempts,
        loss="attempts cannot be counted",
    )


def _attempts(value: Any) -> tuple[int, float]:
    count, last = value
    if type(count) is not int or type(last) not in (int, float):
        raise ValueError("expected a count and a time")
    if not (0 <= count < 2**31 and 0 <= last < 2**53):
        raise ValueError("expected a count and a time within bounds")
    return count, float(last)
