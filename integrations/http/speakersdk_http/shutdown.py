"""Shutdown at SIGTERM: answer all requests, send balancers and clients elsewhere, then end.

By default the server would close its socket at once and reset waiting connections. Instead, for
some seconds every answer says ``Connection: close`` and ``/readyz`` is 503, while new connections
are still served; then the socket is closed, and the last requests are answered.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from types import FrameType
from typing import Any


class Shutdown:
    """The shutdown of one process, from SIGTERM on.

    Args:
        drain_s: seconds between the signal and the end.
    """

    def __init__(self, drain_s: float) -> None:
        self._drain_s = drain_s
        self.is_coming = False

    def install(self) -> None:
        """Take over SIGTERM from the server, whose own handler must already be installed."""
        if threading.current_thread() is not threading.main_thread():
            return  # a server within a program that handles its own signals
        loop = asyncio.get_running_loop()
        previous: Any = signal.getsignal(signal.SIGTERM)
        if not callable(previous):
            return

        def begin(number: int, frame: FrameType | None) -> None:
            if self.is_coming:  # a second signal ends the process at once
                previous(number, frame)
                return
            self.is_coming = True
            loop.call_soon_threadsafe(loop.call_later, self._drain_s, previous, number, frame)

        signal.signal(signal.SIGTERM, begin)
