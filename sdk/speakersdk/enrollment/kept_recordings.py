"""Recordings that are kept to enroll speakers again with another model.

There is one folder per speaker: ``FOLDER/NAME/<hash>.<suffix>``. Voiceprints contain no audio, and
an embedding cannot be converted to that of another model.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from speakersdk.audio.input_file import may_be_recording
from speakersdk.errors import ConfigError
from speakersdk.files import file_sha256, make_private_folder, open_regular, replacement
from speakersdk.text import file_name, printable
from speakersdk.voiceprint.names import check_name

_HASH_DIGITS = 16


@contextlib.contextmanager
def keeping(
    recordings: Sequence[Path], folder: Path, name: str, *, replace: bool = False
) -> Iterator[None]:
    """Copy a speaker's recordings, readable only by their owner, and keep them if the block works.

    A copy is named after its content, which prevents duplicates.

    Args:
        recordings: the files to copy.
        folder: folder of all speakers; created if needed.
        name: name of the speaker.
        replace: remove the recordings that were kept before, after the block.

    Raises:
        ConfigError: the name cannot be used.
        OSError: a file cannot be read or written; no copy is left.
    """
    own = _folder_of(folder, name)
    make_private_folder(own)
    earlier, copies = set(kept(folder, name)), set()
    try:
        for recording in recordings:
            copy = own / f"{file_sha256(recording)[:_HASH_DIGITS]}{recording.suffix.lower()}"
            copies.add(copy)
            with open_regular(recording) as source, replacement(copy) as target:
                shutil.copyfileobj(source, target)
        yield
    except BaseException:
        for path in copies - earlier:
            path.unlink(missing_ok=True)
        raise
    if replace:
        for path in earlier - copies:
            path.unlink(missing_ok=True)


def check_keep(recordings: Sequence[Path], folder: Path, name: str) -> None:
    """Check whether `keeping` would work, and make the folder, before slow work is done.

    Raises:
        ConfigError: the name cannot be used, or a recording is a pipe.
        OSError: the folder cannot be written to.
    """
    for recording in recordings:
        if recording.is_fifo():
            raise ConfigError(
                f"expected files to keep, got the pipe {printable(recording)}; write it to a file "
                "first"
            )
    own = _folder_of(folder, name)
    make_private_folder(own)
    if not os.access(own, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(own))


def kept(folder: Path, name: str) -> list[Path]:
    """List the kept recordings of a speaker, sorted, without what file managers leave behind.

    Raises:
        ConfigError: the name cannot be used.
    """
    own = _folder_of(folder, name)
    if not own.is_dir():
        return []
    return sorted(
        path for path in own.iterdir() if path.is_file() and may_be_recording(Path(path.name))
    )


def _folder_of(folder: Path, name: str) -> Path:
    return folder / file_name(check_name(name))
