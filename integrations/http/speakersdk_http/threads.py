"""Answers to requests in threads, with limits on running and on waiting requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio

Answered = TypeVar("Answered")


class BusyError(Exception):
    """Too many requests are waiting."""


class Desk:
    """The threads of one process.

    Args:
        threads: number of requests that are answered at a time.
        maximum_waiting: number of requests that may wait.
    """

    def __init__(self, *, threads: int, maximum_waiting: int) -> None:
        self._limiter = anyio.CapacityLimiter(threads)
        self._maximum = threads + maximum_waiting
        self._num_asked = 0

    async def answered(self, question: Callable[[], Answered]) -> Answered:
        """Compute the answer outside the event loop.

        Raises:
            BusyError: too many requests are waiting.
        """
        if self._num_asked >= self._maximum:
            raise BusyError
        self._num_asked += 1
        try:
            return await anyio.to_thread.run_sync(question, limiter=self._limiter)
        finally:
            self._num_asked -= 1
