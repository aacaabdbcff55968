"""Recordings that a user keeps so that speakers can be enrolled again with another model.

One folder for each speaker: ``FOLDER/NAME/<hash>.<suffix>``. Voiceprints hold no audio, and no
embedding can be turned into that of another model.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from speakersdk.files import file_sha256, open_regular, replacement
from speakersdk.text import file_name
from speakersdk.voiceprint.names import check_name

_HASH_DIGITS = 16


def keep(recordings: Sequence[Path], folder: Path, name: str, *, replace: bool = False) -> Path:
    """Copy a speaker's recordings, readable only by their owner; returns the speaker's folder.

    A recording is named by its content, which makes a second copy of it impossible.

    Args:
        recordings: files.
        folder: of all speakers; made if needed.
        name: of the speaker.
        replace: remove the recordings that were kept before.

    Raises:
        ConfigError: the name cannot be used.
        OSError: a file cannot be read or written.
    """
    own = _folder_of(folder, name)
    own.mkdir(mode=0o700, parents=True, exist_ok=True)
    earlier = set(kept(folder, name))
    for recording in recordings:
        copy = own / f"{file_sha256(recording)[:_HASH_DIGITS]}{recording.suffix.lower()}"
        earlier.discard(copy)
        with open_regular(recording) as source, replacement(copy) as target:
            shutil.copyfileobj(source, target)
    if replace:
        for path in earlier:
            path.unlink()
    return own


def kept(folder: Path, name: str) -> list[Path]:
    """The recordings of a speaker, sorted; hidden files and folders are left out.

    Raises:
        ConfigError: the name cannot be used.
    """
    own = _folder_of(folder, name)
    if not own.is_dir():
        return []
    return sorted(
        path for path in own.iterdir() if path.is_file() and not path.name.startswith(".")
    )


def _folder_of(folder: Path, name: str) -> Path:
    return folder / file_name(check_name(name))
