"""A folder of recordings to calibrate from, with or without the names of the speakers."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from speakersdk.audio.input_file import may_be_recording
from speakersdk.errors import CalibrationError


def recordings_by_speaker(folder: Path) -> dict[str, list[Path]]:
    """List the files below each sub-folder by its name, without hidden files and the like.

    Raises:
        CalibrationError: there is no sub-folder, or two have one name in the other case or another
            Unicode form.
        OSError: a folder cannot be read.
    """
    if not folder.is_dir():
        raise CalibrationError(f"expected a folder with one sub-folder per speaker, got {folder}")
    speakers = [at for at in _inside(folder) if at.is_dir()]
    if not speakers:
        raise CalibrationError(f"expected one sub-folder for each speaker in {folder}, got none")
    by_name: dict[str, Path] = {}
    for speaker in speakers:
        other = by_name.setdefault(unicodedata.normalize("NFC", speaker.name).casefold(), speaker)
        if other != speaker:
            raise CalibrationError(
                f"expected one sub-folder for each speaker, got {other} and {speaker}, whose names "
                "differ only in case or in their Unicode form; put the recordings of one person "
                "into one sub-folder, or rename it"
            )
    return {speaker.name: _files_below(speaker) for speaker in speakers}


def recordings_without_speaker(folder: Path) -> list[Path]:
    """List the files of a folder that are next to the sub-folders of the speakers."""
    return _files(at for at in _inside(folder) if not at.is_dir())


def recordings_of_strangers(folder: Path) -> dict[str, list[Path]]:
    """Group recordings: each file of a folder by itself, those below a sub-folder together.

    Raises:
        CalibrationError: the path is not a folder, or the folder is empty.
        OSError: a folder cannot be read.
    """
    if not folder.is_dir():
        raise CalibrationError(f"expected a folder of recordings, got {folder}")
    groups = {at.name: _files_below(at) if at.is_dir() else _files([at]) for at in _inside(folder)}
    if not any(groups.values()):
        raise CalibrationError(f"expected recordings in {folder}, got none")
    return groups


def _inside(folder: Path) -> list[Path]:
    return sorted(at for at in folder.iterdir() if may_be_recording(at.relative_to(folder)))


def _files_below(folder: Path) -> list[Path]:
    """List the files of a folder and its sub-folders, and links to folders, which are not read."""

    def refuse(error: OSError) -> NoReturn:  # `os.walk` itself leaves out closed folders
        raise error

    found: list[Path] = []
    links: list[Path] = []
    for at, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if may_be_recording(Path(name))]
        found += (Path(at, name) for name in names if may_be_recording(Path(name)))
        links += (link for name in folders if (link := Path(at, name)).is_symlink())
    return sorted([*_files(found), *links])


def _files(paths: Iterable[Path]) -> list[Path]:
    """Sort files, and links to files that are missing, whose error tells the user about them."""
    return sorted(at for at in paths if at.is_file() or not at.exists())
