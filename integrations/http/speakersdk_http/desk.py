"""Answers questions in threads: a bounded number at a time, and a bounded number may wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio

Answered = TypeVar("Answered")


class BusyError(Exception):
    """Too many questions wait."""


class Desk:
    """The threads of one process.

    Args:
        threads: questions that are answered at a time.
        maximum_waiting: questions that may wait.
    """

    def __init__(self, *, threads: int, maximum_waiting: int) -> None:
        self._limiter = anyio.CapacityLimiter(threads)
        self._maximum = threads + maximum_waiting
        self._num_asked = 0

    async def answered(self, question: Callable[[], Answered]) -> Answered:
        """The answer, computed off the event loop.

        Raises:
            BusyError: too many questions wait.
        """
        if self._num_asked >= self._maximum:
            raise BusyError
        self._num_asked += 1
        try:
            return await anyio.to_thread.run_sync(question, limiter=self._limiter)
        finally:
            self._num_asked -= 1
