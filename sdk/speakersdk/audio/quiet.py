"""What libraries write to stderr by themselves, kept from it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Final

STDERR: Final = 2


@contextlib.contextmanager
def quiet_libraries() -> Iterator[int | None]:
    """Send to nowhere what is written to stderr, as sounddevice does when it starts PortAudio.

    PortAudio and ALSA print several lines for each error.

    Yields:
        The number of another descriptor of the same file, open in the block; None if stderr is
        closed.
    """
    try:
        kept = os.dup(STDERR)
    except OSError:
        yield None
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, STDERR)
    os.close(null)
    try:
        yield kept
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)
