"""A folder of recordings to calibrate from, with or without the names of the speakers."""

from __future__ import annotations

from pathlib import Path

from speakersdk.audio.input_file import may_be_recording
from speakersdk.errors import CalibrationError


def recordings_by_speaker(folder: Path) -> dict[str, list[Path]]:
    """List the files below each sub-folder by its name, without hidden files and the like.

    Raises:
        CalibrationError: there is no sub-folder.
    """
    if not folder.is_dir():
        raise CalibrationError(f"expected a folder with one sub-folder per speaker, got {folder}")
    speakers = [at for at in _inside(folder) if at.is_dir()]
    if not speakers:
        raise CalibrationError(f"expected one sub-folder for each speaker in {folder}, got none")
    return {speaker.name: _files_below(speaker) for speaker in speakers}


def recordings_of_strangers(folder: Path) -> dict[str, list[Path]]:
    """Group recordings: each file of a folder by itself, those below a sub-folder together.

    Raises:
        CalibrationError: the path is not a folder, or the folder is empty.
    """
    if not folder.is_dir():
        raise CalibrationError(f"expected a folder of recordings, got {folder}")
    groups = {at.name: [at] if at.is_file() else _files_below(at) for at in _inside(folder)}
    if not any(groups.values()):
        raise CalibrationError(f"expected recordings in {folder}, got none")
    return groups


def _inside(folder: Path) -> list[Path]:
    return sorted(at for at in folder.iterdir() if may_be_recording(at.relative_to(folder)))


def _files_below(folder: Path) -> list[Path]:
    return sorted(
        at for at in folder.rglob("*") if at.is_file() and may_be_recording(at.relative_to(folder))
    )
