"""The lifetime of an object, which one thread at a time may use until it is closed."""

from __future__ import annotations

import threading

from speakersdk.errors import ClosedError, ConcurrentUseError


class Lifetime:
    """The lifetime of one stream, enrollment, pool, microphone or verifier.

    Enter it for each call; a second thread that enters at the same time is refused. Objects that
    threads may share only call `check`.

    Args:
        what: the object's name in messages, such as ``stream``.
        remedy: advice to users of the object after its end.
    """

    def __init__(self, what: str, *, remedy: str) -> None:
        self._what = what
        self._remedy = remedy
        self._end: str | None = None
        self._lock = threading.Lock()

    @property
    def is_over(self) -> bool:
        """Whether the object was closed or finished."""
        return self._end is not None

    def check(self) -> None:
        """Check that the lifetime is not over.

        Raises:
            ClosedError: the object was closed or finished.
        """
        if self._end is not None:
            raise ClosedError(f"expected an open {self._what}, it is {self._end}; {self._remedy}")

    def end(self, how: str = "closed") -> None:
        """End the lifetime. Messages name the first reason."""
        if self._end is None:
            self._end = how

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise ConcurrentUseError(
                f"expected one thread at a time to use this {self._what}, got a second one; "
                f"give every thread its own {self._what}, or hold a lock around each call"
            )
        try:
            self.check()
        except ClosedError:
            self._lock.release()
            raise

    def __exit__(self, *_: object) -> None:
        self._lock.release()
