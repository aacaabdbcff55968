"""A folder of recordings to calibrate from: one sub-folder for each speaker."""

from __future__ import annotations

from pathlib import Path

from speakersdk.errors import CalibrationError


def recordings_by_speaker(folder: Path) -> dict[str, list[Path]]:
    """Files below each sub-folder, by its name. Hidden files are left out.

    Raises:
        CalibrationError: there is no sub-folder.
    """
    if not folder.is_dir():
        raise CalibrationError(f"expected a folder with one sub-folder per speaker, got {folder}")
    speakers = sorted(at for at in folder.iterdir() if at.is_dir() and at.name[0] != ".")
    if not speakers:
        raise CalibrationError(f"expected one sub-folder for each speaker in {folder}, got none")
    return {
        speaker.name: sorted(
            at for at in speaker.rglob("*") if at.is_file() and not at.name.startswith(".")
        )
        for speaker in speakers
    }
