"""The threads that answer requests, with limits on running and on waiting requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio

Result = TypeVar("Result")


class BusyError(Exception):
    """Too many requests are waiting."""


class RequestThreads:
    """The threads of one process.

    Args:
        threads: number of requests that are answered at a time.
        maximum_waiting: number of requests that may wait.
    """

    def __init__(self, *, threads: int, maximum_waiting: int) -> None:
        self._limiter = anyio.CapacityLimiter(threads)
        self._maximum = threads + maximum_waiting
        self._num_requests = 0

    async def run(self, answer: Callable[[], Result]) -> Result:
        """Compute an answer outside the event loop.

        Raises:
            BusyError: too many requests are waiting.
        """
        if self._num_requests >= self._maximum:
            raise BusyError
        self._num_requests += 1
        try:
            return await anyio.to_thread.run_sync(answer, limiter=self._limiter)
        finally:
            self._num_requests -= 1
