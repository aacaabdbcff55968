"""``speakersdk listen --jsonl-socket``: send updates to other programs over a Unix socket.

Every reader gets one JSON object per line and update from the time when it connects. Only its owner
can open the socket file. Nothing waits for readers: data that the system does not accept at once
is kept up to a limit, beyond which the reader is dropped.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import time
from functools import partial
from pathlib import Path
from typing import Final, Self

from speakersdk.cli.live.listeners import json_line
from speakersdk.cli.output import print_message
from speakersdk.enrollment.live import EnrollmentProgress
from speakersdk.errors import ConfigError
from speakersdk.streaming.update import StreamUpdate
from speakersdk.text import printable

_warn: Final = partial(print_message, "--jsonl-socket")
# Limit per reader, in addition to the system's buffer: minutes of updates of a few speakers.
_BACKLOG_BYTES: Final = 1 << 20
_MAXIMUM_READERS: Final = 32
# Seconds for readers to take the remaining data at the end.
_GRACE_S: Final = 1.0


class JsonlSocket:
    """A listener that sends every update to all connected readers.

    Args:
        path: path of the socket; a socket without a listening process is replaced.
        backlog_bytes: bytes kept for a slow reader before it is dropped.

    Raises:
        ConfigError: the path is taken or cannot be used, or the system has no Unix sockets.
    """

    def __init__(self, path: Path, *, backlog_bytes: int = _BACKLOG_BYTES) -> None:
        self._path = path
        self._backlog_bytes = backlog_bytes
        self._socket = _bound(path)
        self._readers: dict[socket.socket, bytearray] = {}
        self._is_refusing = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Give readers time to take the remaining data, then close and remove the socket."""
        deadline_s = time.monotonic() + _GRACE_S
        while any(self._readers.values()) and time.monotonic() < deadline_s:
            self._send()
            time.sleep(0.01)
        for reader in self._readers:
            reader.close()
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def enrolling(self, name: str, progress: EnrollmentProgress) -> None:
        """Send the progress of an enrollment."""
        del name
        self._publish(json_line("enrollment", progress))

    def updated(self, update: StreamUpdate) -> None:
        """Send the update of a stream."""
        self._publish(json_line("update", update))

    def _publish(self, line: str) -> None:
        self._accept()
        for backlog in self._readers.values():
            backlog.extend(line.encode("utf-8") + b"\n")
        self._send()
        for reader in [at for at, kept in self._readers.items() if len(kept) > self._backlog_bytes]:
            kept = len(self._readers.pop(reader))
            reader.close()
            _warn(f"dropped a reader that was {kept} bytes behind; read faster, or connect again")

    def _accept(self) -> None:
        while True:
            try:
                reader, _ = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:  # for example, too many open files; the reader keeps waiting
                if not self._is_refusing:
                    _warn(f"cannot accept a reader: {error.strerror}; close other files")
                self._is_refusing = True
                return
            self._is_refusing = False
            if len(self._readers) >= _MAXIMUM_READERS:
                reader.close()
                _warn(f"refused a reader: {_MAXIMUM_READERS} are connected")
                continue
            reader.setblocking(False)
            self._readers[reader] = bytearray()

    def _send(self) -> None:
        for reader, backlog in list(self._readers.items()):
            try:
                while backlog:
                    del backlog[: reader.send(backlog)]
            except BlockingIOError:
                continue
            except OSError:  # the reader has disconnected
                reader.close()
                del self._readers[reader]


def _bound(path: Path) -> socket.socket:
    """Open a listening socket at the path that only its owner can open."""
    if not hasattr(socket, "AF_UNIX"):
        raise ConfigError(
            "--jsonl-socket needs Unix sockets, which this system does not have; use --json"
        )
    _make_room(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The umask sets the mode when the file appears, and others can never connect.
    before = os.umask(0o177)
    try:
        listening.bind(os.fspath(path))
    except OSError as error:
        listening.close()
        reason = error.strerror or str(error)
        raise ConfigError(
            f"cannot make the socket {printable(path)}: {reason}; choose another path"
        ) from error
    finally:
        os.umask(before)
    listening.listen(_MAXIMUM_READERS)
    listening.setblocking(False)
    return listening


def _make_room(path: Path) -> None:
    """Remove a socket that a killed process left behind."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigError(
            f"expected a new path with --jsonl-socket, got {printable(path)}, which is not a socket"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            return
        except OSError:
            pass
    raise ConfigError(
        f"expected a new path with --jsonl-socket, got {printable(path)}, on which another process "
        "listens"
    )
