"""SIGTERM and SIGHUP end a command as Ctrl-C does, and then end its process by themselves.

By default they end the process at once: the socket stays, a command of ``--exec`` runs on, and no
command is told that nobody is speaking anymore.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

# Windows has only the first, and the second is ignored below nohup.
_NAMES: Final = ("SIGTERM", "SIGHUP")


@contextlib.contextmanager
def ended_cleanly() -> Iterator[None]:
    """Raise KeyboardInterrupt in the block at a signal, and raise the signal again behind it.

    Only the main thread gets signals; in others, it does nothing.
    """
    received: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    is_main = threading.current_thread() is threading.main_thread()
    known = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    handled = [one for one in known if is_main and signal.getsignal(one) is signal.SIG_DFL]
    for number in handled:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
        if received:
            with contextlib.suppress(OSError):
                sys.stdout.flush()
            signal.raise_signal(received[0])
