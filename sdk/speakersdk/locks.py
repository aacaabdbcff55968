"""Locks between processes, which the operating system releases when their process ends."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# A writer holds a lock for milliseconds. A longer wait means that its process is stopped.
LOCK_TIMEOUT_S: Final = 10.0
LOCK_NAME: Final = ".lock"  # in a folder
_LOCK_POLL_S: Final = 0.01
_BINARY: Final = getattr(os, "O_BINARY", 0)  # Windows


@contextlib.contextmanager
def folder_lock(folder: Path, *, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold an exclusive lock on a folder.

    The lock is on the file ``.lock`` in the folder, which must exist. The system releases it when
    the process ends.

    Raises:
        TimeoutError: another process or thread held the lock for `timeout_s` seconds.
        OSError: the lock file cannot be created.
    """
    with _held(folder / LOCK_NAME, folder, timeout_s, flags=os.O_RDWR | os.O_CREAT):
        yield


@contextlib.contextmanager
def file_lock(path: Path, *, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold an exclusive lock on a file that writers take before they replace it.

    Windows neither reads a locked file nor replaces an open one. There the lock is on an empty file
    next to it, which stays.

    Raises:
        TimeoutError: another process or thread held the lock for `timeout_s` seconds.
        OSError: there is no such file, or it cannot be opened.
    """
    if sys.platform == "win32":
        path.stat()  # refuses a missing file
        place, flags = path.with_name(f"{hidden_prefix(path.name)}lock"), os.O_RDWR | os.O_CREAT
    else:
        place, flags = path, os.O_RDONLY
    with _held(place, path, timeout_s, flags=flags):
        yield


def try_lock(descriptor: int) -> bool:
    """Lock an open file, unless another descriptor holds its lock."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EAGAIN, errno.EACCES, errno.EDEADLK}:
            return False
        raise
    return True


def open_to_owner(descriptor: int) -> None:
    """Let the owner read and write a file that was created under any umask."""
    if sys.platform != "win32":
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & 0o600 != 0o600:
            os.fchmod(descriptor, mode | 0o600)


def hidden_prefix(name: str) -> str:
    """Return the start of the names of hidden files that belong to the file of this name."""
    # A hash is short enough for any name, and does not reveal the name of a speaker.
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()
    return f".speakersdk-{digest[:16]}-"


@contextlib.contextmanager
def _held(place: Path, what: Path, timeout_s: float, *, flags: int) -> Iterator[None]:
    """Hold the lock of the file at `place`, which stands for `what`."""
    while True:
        descriptor = os.open(place, flags | _BINARY, 0o600)
        try:
            if flags & os.O_CREAT:
                open_to_owner(descriptor)
            _wait_for_lock(descriptor, what, timeout_s)
            # The previous holder may have replaced or deleted the file; this one is then stale.
            if _is_at(descriptor, place):
                yield
                return
        finally:
            _release(descriptor)


def _is_at(descriptor: int, place: Path) -> bool:
    """Return whether an open file is the one at this place."""
    try:
        return os.path.samestat(os.fstat(descriptor), place.stat())
    except FileNotFoundError:
        return False


def _wait_for_lock(descriptor: int, what: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not try_lock(descriptor):
        if time.monotonic() >= deadline:
            raise TimeoutError(
                f"expected {what} to be free within {timeout_s:g} s, but another process "
                "is changing it; try again when that has ended"
            )
        time.sleep(_LOCK_POLL_S)


def _release(descriptor: int) -> None:
    """Unlock a file and close it."""
    try:
        if sys.platform != "win32":
            # A process that was forked meanwhile has the file open and would keep the lock.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)
