"""Opening of files and pipes that users pass, with time limits."""

from __future__ import annotations

import errno
import os
import re
import select
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, TypeGuard, runtime_checkable

from speakersdk.errors import InvalidAudioError, UnreadableAudioError
from speakersdk.text import printable

_READ_BYTES: Final = 2**16
# Time for the writer of a FIFO to start, for example in the same command line.
WRITER_S: Final = 5.0
# Maximum pause of a program that writes audio.
PIPE_S: Final = 30.0
_FULL: Final = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
# Files and folders of file managers (Windows, Synology, macOS), in lower case. Most others, such as
# .DS_Store and ._name.mp3, are hidden.
_LEFT_BEHIND: Final = {
    "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "__macosx", "icon\r"
}  # fmt: skip


@runtime_checkable
class BinaryReader(Protocol):
    """A file object for reading bytes; it need not be seekable."""

    def read(self, num: int, /) -> bytes:
        """Read up to `num` bytes; return none at the end."""


def is_file(recording: object) -> TypeGuard[str | os.PathLike[str] | BinaryReader]:
    """Return whether an argument is a path or a file object rather than samples."""
    return isinstance(recording, str | os.PathLike) or hasattr(recording, "read")


def is_pipe(path: str | os.PathLike[str]) -> bool:
    """Return whether a path leads to a pipe, such as a FIFO or a process substitution."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)  # noqa: PTH116
    except (OSError, ValueError):  # the reader of the file will report the reason
        return False


def may_be_recording(path: Path) -> bool:
    """Return whether a path in a folder of recordings is neither hidden nor of a file manager.

    Args:
        path: relative to that folder.
    """
    return not any(at.startswith(".") or at.lower() in _LEFT_BEHIND for at in path.parts)


def file_label(recording: Any) -> str:
    """Return the printable name of a file for messages."""
    if isinstance(recording, str | os.PathLike):
        name = os.fspath(recording)
    else:
        name = getattr(recording, "name", None)
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    if not isinstance(name, str):
        return "the file object"
    return printable(name) or "''"


def file_suffix(recording: Any) -> str:
    """Return the suffix of the name of a file; empty if it has no name."""
    name = recording if isinstance(recording, str | os.PathLike) else getattr(recording, "name", "")
    return Path(os.fsdecode(name)).suffix if isinstance(name, str | bytes | os.PathLike) else ""


@contextmanager
def open_input(recording: Any) -> Iterator[BinaryIO]:
    """Open a seekable file at the first byte of the recording.

    A pipe is copied to a temporary file first.

    Raises:
        UnreadableAudioError: the file is missing, a folder or a device, or a pipe without a writer.
        InvalidAudioError: the file was opened as text.
    """
    label = file_label(recording)
    try:
        with _opened(recording, label) as file:
            yield file
    except OSError as error:
        reason = error.strerror or str(error)
        if isinstance(error, FileNotFoundError) and _ADDRESS.match(label):
            reason = "it is an address, and only files are read; download it first"
        raise UnreadableAudioError(label, reason) from error


def copied_pipe(path: str | os.PathLike[str]) -> BinaryIO | None:
    """Copy a pipe to a temporary file, which can be read more than once; None for other files.

    The copy has the name of the pipe. It is at its start.

    Raises:
        UnreadableAudioError: nothing comes through the pipe.
    """
    if not is_pipe(path):
        return None
    with open_input(path) as pipe, _copying(file_label(path)):
        copy: Any = tempfile.TemporaryFile()  # noqa: SIM115 - it ends with its last reader
        copy.raw.name = os.fspath(path)
        shutil.copyfileobj(pipe, copy)
        copy.seek(0)
    return copy  # type: ignore[no-any-return]


def _opened(recording: Any, label: str) -> AbstractContextManager[BinaryIO]:
    if not isinstance(recording, str | os.PathLike):
        return _open_object(recording, label)
    if stat.S_ISFIFO(_check_kind(recording, label)):
        return _open_fifo(recording, label)
    return Path(recording).open("rb")


def _check_kind(path: str | os.PathLike[str], label: str) -> int:
    if os.fspath(path) in ("-", b"-") and not os.path.lexists(path):
        raise UnreadableAudioError(label, "there is no such file; /dev/stdin is standard input")
    try:
        kind = os.stat(path).st_mode  # noqa: PTH116  (also for names that are not UTF-8)
    except ValueError as error:
        raise UnreadableAudioError(label, f"its name is not a valid file name ({error})") from error
    for is_kind, name in (
        (stat.S_ISDIR, "it is a folder; name the recordings in it"),
        (stat.S_ISCHR, "it is a device, expected a file or a pipe"),
        (stat.S_ISBLK, "it is a device, expected a file or a pipe"),
        (stat.S_ISSOCK, "it is a socket, expected a file or a pipe"),
    ):
        if is_kind(kind):
            raise UnreadableAudioError(label, name)
    return kind


@contextmanager
def _open_object(recording: Any, label: str) -> Iterator[BinaryIO]:
    try:
        first = recording.read(0)
    except (TypeError, ValueError) as error:  # closed, or open for writing only
        raise InvalidAudioError(
            f"{label} cannot be read: {error}; open it for reading bytes ('rb')"
        ) from error
    if isinstance(first, str):
        raise InvalidAudioError(f"{label} is open as text; open it in binary mode ('rb')")
    if not isinstance(first, bytes | bytearray | memoryview | None):
        raise InvalidAudioError(
            f"{label} cannot be read: its read() returns {type(first).__name__}, expected bytes; "
            "pass a path, or samples and their rate"
        )
    if hasattr(recording, "seekable") and recording.seekable():
        yield recording
        return
    with _copying(label), tempfile.TemporaryFile() as copy:
        while (data := recording.read(_READ_BYTES)) != b"":
            if data is None:  # a non-blocking pipe, whose later data would be lost
                raise UnreadableAudioError(
                    label, "it has no data at the moment; open it so that it waits for data"
                )
            copy.write(data)
        copy.seek(0)
        yield copy


@contextmanager
def _open_fifo(path: str | os.PathLike[str], label: str) -> Iterator[BinaryIO]:
    with closing(PipeReader(path)) as pipe, _copying(label), tempfile.TemporaryFile() as copy:
        while data := pipe.read(_READ_BYTES):
            copy.write(data)
        copy.seek(0)
        yield copy


@contextmanager
def _copying(label: str) -> Iterator[None]:
    """Name the temporary folder if it is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise UnreadableAudioError(
            label,
            f"its copy does not fit into {tempfile.gettempdir()} ({error.strerror}); set TMPDIR to "
            "another folder",
        ) from error


class PipeReader:
    """The reading end of a pipe that is named by a path.

    Args:
        path: the pipe. Its writer need not have started.

    Raises:
        OSError: the pipe cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._label = file_label(path)
        # Without O_NONBLOCK, opening waits for a writer forever.
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN | select.POLLHUP)
        self._has_begun = False

    def close(self) -> None:
        """Release the pipe."""
        os.close(self._descriptor)

    def read(self, num: int) -> bytes:
        """Wait for data and return up to `num` bytes, none at the end.

        Raises:
            UnreadableAudioError: nothing came for `WRITER_S` at the beginning, or later for
                `PIPE_S`.
        """
        wait_s = PIPE_S if self._has_begun else WRITER_S
        if not self._poll.poll(1000 * wait_s):
            raise UnreadableAudioError(
                self._label,
                f"it is a pipe, and nothing came through it for {wait_s:g} s"
                + ("" if self._has_begun else "; start the program that writes to it"),
            )
        self._has_begun = True
        return os.read(self._descriptor, num)
