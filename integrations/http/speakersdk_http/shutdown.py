"""Shutdown: answer all requests, send balancers and clients elsewhere, then end.

By default the server would close its socket at once and reset waiting connections. Instead, for
some seconds after SIGTERM every answer says ``Connection: close`` and ``/readyz`` is 503, while new
connections are still served; then the socket is closed, and the last requests are answered. A
client that has sent only a part of its request, or does not read its answer, does not hold the end
for longer than `REST_S`.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any, Final

from uvicorn.protocols.http.auto import AutoHTTPProtocol

# Time for the rest of the requests that have begun, after the socket is closed, and for a client
# that reads nothing of its answer. With the default of --drain, half a request lets the service end
# within the 10 s after which Docker kills it.
REST_S: Final = 5.0


class Shutdown:
    """The shutdown of one process, from SIGTERM or Ctrl-C on.

    Args:
        drain_s: seconds between SIGTERM and the end.
    """

    def __init__(self, drain_s: float) -> None:
        self._drain_s = drain_s
        self._last_time: float | None = None  # of the loop's clock
        self._waits: set[asyncio.Timeout] = set()
        self.is_coming = False

    def install(self) -> None:
        """Take over the signals from the server, whose own handlers must already be installed."""
        if threading.current_thread() is not threading.main_thread():
            return  # a server within a program that handles its own signals
        loop = asyncio.get_running_loop()
        ends: dict[int, Any] = {
            number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)
        }

        def end(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._limit_waits)
            ends[number](number, frame)

        def begin(number: int, frame: FrameType | None) -> None:
            if self.is_coming:  # a second signal ends the process at once
                end(number, frame)
                return
            self.is_coming = True
            loop.call_soon_threadsafe(loop.call_later, self._drain_s, end, number, frame)

        for number, handler in ((signal.SIGTERM, begin), (signal.SIGINT, end)):
            if callable(ends[number]):
                signal.signal(number, handler)

    @property
    def is_last(self) -> bool:
        """Whether the time for the rest of the requests has begun."""
        return self._last_time is not None

    @asynccontextmanager
    async def wait(self, longest_s: float) -> AsyncIterator[None]:
        """Limit the time of the block, in which a part of a request is awaited.

        Args:
            longest_s: maximum in seconds; the end of the service can shorten it.

        Raises:
            TimeoutError: the time is over.
        """
        last_time = asyncio.get_running_loop().time() + longest_s
        if self._last_time is not None:
            last_time = min(last_time, self._last_time)
        async with asyncio.timeout_at(last_time) as timeout:
            self._waits.add(timeout)
            try:
                yield
            finally:
                self._waits.remove(timeout)

    def _limit_waits(self) -> None:
        if self._last_time is not None:
            return
        self._last_time = asyncio.get_running_loop().time() + REST_S
        for timeout in self._waits:
            when = timeout.when()
            if when is None or when > self._last_time:
                timeout.reschedule(self._last_time)


class HttpProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """A connection that ends with the service, although its client does not read the answer."""

    def shutdown(self) -> None:
        """Begin the end of the connection; the server calls this."""
        super().shutdown()
        self._drop_unless_read(0)

    def _drop_unless_read(self, unsent_before: int) -> None:
        """Drop the connection if nothing was read since the last call; otherwise look again."""
        if self not in self.connections:  # it has ended
            return
        unsent = self.transport.get_write_buffer_size()
        if 0 < unsent == unsent_before:
            self.transport.abort()
        else:
            self.loop.call_later(REST_S, self._drop_unless_read, unsent)
