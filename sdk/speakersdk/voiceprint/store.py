"""A folder of voiceprints, one file per speaker: ``<name>.voiceprint``."""

from __future__ import annotations

import os
from pathlib import Path

from speakersdk.errors import (
    ConfigError,
    DuplicateSpeakerError,
    UnknownSpeakerError,
    VoiceprintError,
)
from speakersdk.files import data_folder
from speakersdk.voiceprint.voiceprint import SUFFIX, Voiceprint, check_name


def default_folder() -> Path:
    """Where voiceprints are stored unless told otherwise; nothing is created."""
    return data_folder("voiceprints")


class VoiceprintStore:
    """Voiceprints by name. The folder is created by the first `save`, and only then."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def names(self) -> tuple[str, ...]:
        """Stored names in alphabetical order; a folder that does not exist holds none."""
        if not self.folder.is_dir():
            return ()
        return tuple(
            sorted(
                path.name.removesuffix(SUFFIX)
                for path in self.folder.iterdir()
                # Hidden files are not names: they are what an interrupted save left.
                if path.name.endswith(SUFFIX) and not path.name.startswith(".")
            )
        )

    def path(self, name: str) -> Path:
        """Where the voiceprint of that name is stored, or would be."""
        return self.folder / f"{check_name(name)}{SUFFIX}"

    def load(self, name: str) -> Voiceprint:
        """The voiceprint of a speaker.

        Raises:
            UnknownSpeakerError: none of that name is stored; lists those that are.
            VoiceprintError: the file is damaged, or holds the voiceprint of another speaker.
        """
        path = self._existing(name)
        voiceprint = Voiceprint.load(path)
        if self.path(voiceprint.name) != path:
            raise VoiceprintError(
                f"{path}: expected the voiceprint of {name!r}, got that of {voiceprint.name!r}; "
                "a renamed file keeps the name that it was enrolled with"
            )
        return voiceprint

    def check_new(self, name: str, *, replace: bool = False, append: bool = False) -> None:
        """Raise what `save` would for a voiceprint of that name, before there is one."""
        if replace and append:
            raise ConfigError("expected at most one of replace and append, got both")
        same = next((at for at in self.names() if at.casefold() == name.casefold()), None)
        if same is not None and (same != name or not (replace or append)):
            raise DuplicateSpeakerError(same)

    def save(
        self, voiceprint: Voiceprint, *, replace: bool = False, append: bool = False
    ) -> Voiceprint:
        """Store a voiceprint under its name and return what is stored now.

        Args:
            voiceprint: the speaker's.
            replace: put it in the place of one of the same name.
            append: add its exemplars to those of one of the same name, if there is one.

        Raises:
            DuplicateSpeakerError: the name is stored already and neither was asked for, or a name
                that differs only in case is stored: file systems disagree about those.
            IncompatibleModelError: append, and the stored voiceprint is of another model.
        """
        name = voiceprint.name
        self.check_new(name, replace=replace, append=append)
        if append and name in self.names():
            voiceprint = self.load(name).with_exemplars(voiceprint)
        # Voiceprints are biometric data: nobody but their owner reads them.
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        voiceprint.save(self.path(name))
        return voiceprint

    def remove(self, name: str) -> None:
        """Delete a voiceprint, even a damaged one.

        Raises:
            UnknownSpeakerError: none of that name is stored.
        """
        self._existing(name).unlink()

    def _existing(self, name: str) -> Path:
        path = self.path(name)
        if not path.is_file():
            raise UnknownSpeakerError(name, known=self.names())
        return path
