"""Files that are replaced as a whole: readers see the old file or the new one, never a part."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def replacement(path: Path, *, is_durable: bool = True) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path`, mode 0600, unless an error ends the block.

    Args:
        path: of the file.
        is_durable: whether it must survive a power cut, for which the disk is waited for. What can
            be computed again need not.

    Raises:
        OSError: the file cannot be written; what was there before is untouched.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            if is_durable:
                file.flush()
                os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
    if not is_durable:
        return
    # The new name survives a power cut only when its folder is on disk too.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
