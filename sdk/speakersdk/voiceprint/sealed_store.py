"""Sealing, unsealing and rekeying of a folder of voiceprints and galleries.

Each file is replaced as a whole, and its content is sealed before it reaches the disk. A killed
call leaves some files unchanged; repeating the call completes the change. The content of a plain
file is overwritten after the sealed file is on disk.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Final

from speakersdk.errors import SealError
from speakersdk.files import open_regular, purge_temporary, replacement
from speakersdk.locks import folder_lock
from speakersdk.sealing import MAGIC, SealingKey, is_sealed, sealed, unsealed
from speakersdk.text import printable

REMEMBERED_SUFFIX: Final = ".heard"  # for the files of remembered recordings
SUFFIXES: Final = (".voiceprint", ".gallery", REMEMBERED_SUFFIX)
_CHUNK_BYTES: Final = 1 << 20


def recast(folder: Path, *, key: SealingKey | None, new_key: SealingKey | None) -> tuple[Path, ...]:
    """Give every voiceprint and gallery in a folder another key, or none.

    Args:
        folder: folder of the store.
        key: key with which the files are sealed; None means that they are plain.
        new_key: key to seal the files with; None unseals them.

    Returns:
        The changed files. Files that already have their new form are not changed.

    Raises:
        SealError: a file cannot be opened with either key; the message names the file.
        OSError: a file cannot be read or written.
    """
    if not folder.is_dir():
        return ()
    with folder_lock(folder):
        purge_temporary(folder)
        return tuple(path for path in _files(folder) if _recast_file(path, key, new_key))


def check_key(folder: Path, key: SealingKey | None) -> None:
    """Refuse to add a file that does not match the others in the folder.

    Raises:
        SealError: some files are sealed and there is no key, or the key opens none of them.
    """
    num_sealed = 0
    for path in _files(folder):
        with open_regular(path) as file:
            data = file.read(len(MAGIC))
            if not is_sealed(data):
                continue
            num_sealed += 1
            if key is None:
                break
            try:
                key.open(data + file.read())
            except SealError:
                continue
            return
    if num_sealed:
        raise SealError(
            f"{printable(folder)} contains sealed voiceprints: "
            + ("give their key (--key)" if key is None else "this key opens none of them")
        )


def overwrite(path: Path) -> None:
    """Overwrite the content of a file with zeros in place, and wait for the disk.

    The file behind a link is kept: it may be used elsewhere.
    """
    if not path.is_symlink():
        with wiped_after(path):
            pass


@contextlib.contextmanager
def wiped_after(path: Path) -> Iterator[None]:
    """Overwrite the present content of a file with zeros after the block has replaced the file."""
    with path.open("r+b", buffering=0) as old:
        yield
        _wipe(old)


def _files(folder: Path) -> list[Path]:
    """List the voiceprints, galleries and remembered recordings of a folder."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix in SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]


def _recast_file(path: Path, key: SealingKey | None, new_key: SealingKey | None) -> bool:
    with open_regular(path) as old:
        data = old.read()
        if _is_done(data, new_key):
            return False
        try:
            content = unsealed(data, key)
        except SealError as error:
            raise SealError(f"{printable(path)}: {error}") from error
        with wiped_after(path), replacement(path) as file:
            file.write(sealed(content, new_key))
    return True


def _is_done(data: bytes, new_key: SealingKey | None) -> bool:
    """Return whether the file already has its new form, such as after a killed call."""
    if new_key is None:
        return not is_sealed(data)
    if not is_sealed(data):
        return False
    try:
        new_key.open(data)
    except SealError:
        return False
    return True


def _wipe(file: FileIO) -> None:
    """Overwrite the content of an open file, which may have lost its name, with zeros."""
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    for first in range(0, size, _CHUNK_BYTES):
        file.write(bytes(min(_CHUNK_BYTES, size - first)))
    os.fsync(file.fileno())
