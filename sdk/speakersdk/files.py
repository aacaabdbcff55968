"""Files on disk: user folders, atomic replacement and content hashes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from speakersdk.errors import ConfigError
from speakersdk.locks import LOCK_NAME, folder_lock, hidden_prefix, open_to_owner, try_lock
from speakersdk.text import printable

# `.speakersdk-<hash of the final name>-<random>.tmp`; versions up to 0.1 wrote `.<random>.tmp`.
_TEMPORARY_SUFFIX: Final = ".tmp"
_ATTEMPTS: Final = 100  # to make a folder that other processes delete
_BINARY: Final = getattr(os, "O_BINARY", 0)  # Windows
# Errors of open(O_TMPFILE) if the file system or the kernel has no unnamed files.
_NO_UNNAMED_FILES = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT}
_NO_REGULAR_FILE: Final = "expected a regular file, not a folder, pipe or device; name another file"
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV, errno.ENOENT}


class UnsyncedFolderError(OSError):
    """A new file is complete and in place, but its name may not be on disk yet."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            error.errno,
            "the new file is complete, but a power cut may undo it, because its folder cannot be "
            f"written to disk ({error.strerror}); check the disk and write the file again",
            os.fspath(path),
        )


def data_folder(kind: str) -> Path:
    """Return ``$XDG_DATA_HOME/speakersdk/<kind>``; the default base is ``~/.local/share``.

    The environment is read at every call. The folder is not created.

    Raises:
        ConfigError: the variable is not set and there is no home folder.
    """
    return _base("XDG_DATA_HOME", ".local/share") / "speakersdk" / kind


def cache_folder(kind: str) -> Path:
    """Return ``$XDG_CACHE_HOME/speakersdk/<kind>``; the default base is ``~/.cache``.

    Raises:
        ConfigError: as for `data_folder`.
    """
    return _base("XDG_CACHE_HOME", ".cache") / "speakersdk" / kind


def make_private_folder(folder: Path) -> None:
    """Create a folder, and the missing ones above it, with mode 0700 whatever the umask is.

    Folders that exist keep their modes.

    Raises:
        OSError: a folder cannot be created, or a part of the path is not a folder.
    """
    for path in reversed((folder, *folder.parents)):
        if not path.exists():
            path.mkdir(mode=0o700, exist_ok=True)  # another process may be faster
            path.chmod(0o700)
    folder.mkdir(exist_ok=True)  # refuses a file


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading, without waiting for a pipe or a device.

    Raises:
        OSError: the file cannot be opened, or is a directory, a pipe or a device.
    """
    # Opening a FIFO without O_NONBLOCK waits for its writer. Regular files ignore the flag.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, _NO_REGULAR_FILE, os.fspath(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


@contextlib.contextmanager
def replacement(
    path: Path,
    *,
    is_durable: bool = True,
    is_private: bool = True,
    is_new: bool = False,
    needs_name: bool = False,
) -> Iterator[BinaryIO]:
    """Write a file that replaces `path` atomically at the end of the block.

    Readers see the old file or the new file, never a part. An error in the block keeps the old
    file. If `path` is a symbolic link, the file to which it leads is replaced. A killed process
    leaves no file if the system supports unnamed files; otherwise it leaves a temporary file, which
    the next durable write of the same path removes.

    Args:
        path: the file to replace.
        is_durable: wait until the file is on disk, where a power cut cannot undo it. Not needed for
            data that can be computed again.
        is_private: use mode 0600 instead of the default mode. The owner can read and write the
            file in either case, whatever the umask is.
        is_new: refuse a file or a link that exists at the end of the block.
        needs_name: give the temporary file a name, for libraries that open it by path.

    Raises:
        OSError: the file cannot be written, or is a folder, a device or a link to nothing; nothing
            is changed.
        UnsyncedFolderError: the new file is in place, but a power cut may undo it.
        FileExistsError: the file exists and `is_new` is set.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if path.exists() and not path.is_file():  # such as /dev/null
        raise OSError(errno.EINVAL, _NO_REGULAR_FILE, os.fspath(path))
    if not is_new:
        path = _behind_links(path)
    if is_durable:
        purge_temporary(path.parent, path.name)
    temporary = path.with_name(_temporary_name(path.name))
    mode = 0o600 if is_private else 0o666
    try:
        unnamed = None if needs_name else _open_unnamed(path.parent, mode)
        file = unnamed if unnamed is not None else _open_named(temporary, mode)
    except OSError as error:
        # Nobody knows the temporary file.
        raise type(error)(error.errno, error.strerror, os.fspath(path)) from error
    try:
        with file:
            yield file
            file.flush()
            if is_durable:
                os.fsync(file.fileno())
            if unnamed is not None:
                _link_unnamed(unnamed, temporary)
            if sys.platform == "win32":
                file.close()  # Windows cannot rename an open file
            _place(temporary, path, is_new=is_new)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename is None:  # raised by write(): a full disk
            error.filename = os.fspath(path)
        raise
    if is_durable:
        try:
            sync_folder(path.parent)
        except OSError as error:
            raise UnsyncedFolderError(path, error) from error


def purge_temporary(folder: Path, name: str | None = None) -> int:
    """Delete the temporary files of killed writers and return their number.

    Writers lock their temporary files; locked files are kept.

    Args:
        folder: the folder to clean; it may be missing.
        name: delete only the temporary files of this file; None means all.
    """
    prefix = "." if name is None else hidden_prefix(name)
    num_purged = 0
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for entry in os.scandir(folder):
            is_temporary = entry.name.startswith(prefix) and entry.name.endswith(_TEMPORARY_SUFFIX)
            if is_temporary and entry.is_file(follow_symlinks=False):
                num_purged += _purge_stale(Path(entry.path))
    return num_purged


@contextlib.contextmanager
def working_folder(folder: Path) -> Iterator[None]:
    """Make a private folder that one process at a time uses.

    At the end, the folder is deleted if it is empty. A killed process leaves the folder, which the
    next one can use at once.

    Raises:
        TimeoutError: another process or thread uses the folder.
        OSError: the folder cannot be made or used.
    """
    with contextlib.ExitStack() as held:
        for attempt in range(_ATTEMPTS):
            try:
                make_private_folder(folder)
                held.enter_context(folder_lock(folder, timeout_s=0))
                break
            except (FileExistsError, FileNotFoundError):  # another process has just deleted it
                if attempt == _ATTEMPTS - 1:
                    raise
        lock = folder / LOCK_NAME
        try:
            yield
        finally:
            if sys.platform == "win32":
                held.close()  # an open file cannot be deleted there
            # A process that comes meanwhile has a lock file of its own, and keeps the folder.
            with contextlib.suppress(OSError):
                lock.unlink(missing_ok=True)
                folder.rmdir()


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk, where a power cut cannot undo a rename."""
    if sys.platform == "win32":
        return  # Windows cannot open folders; NTFS journals names
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _base(variable: str, below_home: str) -> Path:
    # The XDG base directory specification says to ignore relative paths.
    configured = Path(os.environ.get(variable, ""))
    if configured.is_absolute():
        return configured
    try:
        home = Path.home()
    except RuntimeError as error:  # no HOME, and the user is not in the password database
        raise ConfigError(
            f"expected a home folder, but HOME is not set and this user has none; set {variable} "
            "or HOME to a folder, or name the folder that the command should use"
        ) from error
    return home / below_home


def _behind_links(path: Path) -> Path:
    """Return the file to which a path leads, where a new file can take its name."""
    if not path.is_symlink():
        return path
    try:
        target = Path(os.path.realpath(path, strict=True))
    except FileNotFoundError as error:
        raise FileNotFoundError(
            errno.ENOENT,
            f"expected a link to a file, but {printable(os.path.realpath(path))} does not exist; "
            "make that file, remove the link, or name another file",
            os.fspath(path),
        ) from error
    except OSError as error:  # links that lead to each other
        raise type(error)(error.errno, error.strerror, os.fspath(path)) from error
    if _is_stream(target):  # /dev/stdout: what the user has appended to would be lost
        raise OSError(errno.EINVAL, _NO_REGULAR_FILE, os.fspath(path))
    return target


def _is_stream(path: Path) -> bool:
    """Return whether a file is the input or an output of this process."""
    for descriptor in range(3):
        with contextlib.suppress(OSError):  # a closed one
            if os.path.samestat(path.stat(), os.fstat(descriptor)):
                return True
    return False


def _temporary_name(name: str) -> str:
    return f"{hidden_prefix(name)}{secrets.token_hex(8)}{_TEMPORARY_SUFFIX}"


def _open_unnamed(folder: Path, mode: int) -> BinaryIO | None:
    """Open a locked file without a name, which ends with its process; None if unsupported."""
    if sys.platform != "linux":
        return None
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR, mode)
    except OSError as error:
        if error.errno in _NO_UNNAMED_FILES and folder.is_dir():
            return None
        raise
    open_to_owner(descriptor)
    try_lock(descriptor)
    if not Path(f"/proc/self/fd/{descriptor}").exists():  # without /proc it could not get a name
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "w+b")


def _open_named(temporary: Path, mode: int) -> BinaryIO:
    """Open a new locked file."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY
    while True:
        file = open(  # noqa: SIM115 - the caller closes it; Path.open takes no opener
            temporary, "w+b", opener=lambda path, _: os.open(path, flags, mode)
        )
        if sys.platform == "win32":
            return file  # an open file cannot be deleted there
        open_to_owner(file.fileno())
        try_lock(file.fileno())
        # A purge may have deleted it between the two calls above.
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()


def _link_unnamed(file: BinaryIO, temporary: Path) -> None:
    """Give an unnamed file its temporary name."""
    # With dst_dir_fd Python calls linkat(AT_SYMLINK_FOLLOW), which O_TMPFILE requires: open(2).
    folder = os.open(temporary.parent, os.O_RDONLY)
    try:
        os.link(f"/proc/self/fd/{file.fileno()}", temporary.name, dst_dir_fd=folder)
    finally:
        os.close(folder)


def _place(temporary: Path, path: Path, *, is_new: bool) -> None:
    """Move a complete file to its final name."""
    if not is_new:
        temporary.replace(path)
    elif sys.platform == "win32":
        temporary.rename(path)  # refuses an existing file there
    else:
        try:
            os.link(temporary, path, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            # On FAT and some network file systems, the check and the move are separate steps.
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
            temporary.replace(path)
        else:
            temporary.unlink()


def _purge_stale(temporary: Path) -> bool:
    """Delete a temporary file that no process holds."""
    try:
        if sys.platform == "win32":
            temporary.unlink()  # refused while a process has it open
            return True
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            is_free = try_lock(descriptor)
            if is_free:
                temporary.unlink()
            return is_free
        finally:
            os.close(descriptor)
    except OSError:  # it belongs to another user, or another process purged it
        return False
