"""The messages of a live command: its own ones, without those that libraries write to stderr."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Final

from speakersdk.cli.program import UnfailingMessages

_STDERR: Final = 2


@contextlib.contextmanager
def own_messages_only() -> Iterator[None]:
    """Hide what libraries write to stderr in the block; `sys.stderr` still shows messages."""
    shown = sys.stderr
    try:
        is_own = shown.fileno() == _STDERR
    except (OSError, ValueError):  # it is not a file
        is_own = False
    if not is_own:
        yield
        return
    shown.flush()
    with _quiet_libraries() as kept:
        sys.stderr = UnfailingMessages.around(shown, kept)
        try:
            yield
        finally:
            sys.stderr.flush()
            sys.stderr = shown


@contextlib.contextmanager
def _quiet_libraries() -> Iterator[int | None]:
    """Send to nowhere what is written to stderr, as sounddevice does when it starts PortAudio.

    PortAudio and ALSA print several lines for each error.

    Yields:
        The number of another descriptor of the same file, open in the block; None if stderr is
        closed.
    """
    try:
        kept = os.dup(_STDERR)
    except OSError:
        yield None
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, _STDERR)
    os.close(null)
    try:
        yield kept
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
