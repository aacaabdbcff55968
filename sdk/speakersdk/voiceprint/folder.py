"""The files of a folder of voiceprints, found by the names of speakers.

Speakers' names come from users, and files from other systems. Therefore a name is compared with the
files that exist, and the two Unicode forms of a name mean the same speaker.
"""

from __future__ import annotations

import errno
import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from speakersdk.errors import ConfigError, UnknownSpeakerError
from speakersdk.files import make_private_folder, purge_temporary
from speakersdk.locks import folder_lock
from speakersdk.text import file_name, printable
from speakersdk.voiceprint.names import check_name
from speakersdk.voiceprint.voiceprint import SUFFIX


@dataclass(frozen=True, slots=True)
class VoiceprintFolder:
    """A folder with one file per speaker. It need not exist.

    Attributes:
        path: path of the folder.
    """

    path: Path

    def paths(self) -> list[Path]:
        """Return the paths of the files in alphabetical order, without hidden files."""
        try:
            paths = sorted(self.path.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            if os.path.lexists(self.path):
                raise  # a file, where a folder of voiceprints is expected
            return []
        return [
            path for path in paths if path.name.endswith(SUFFIX) and not path.name.startswith(".")
        ]

    def by_name(self) -> dict[str, Path]:
        """Return the files by speaker name. The composed Unicode form of a name wins."""
        found: dict[str, Path] = {}
        for path in self.paths():
            try:
                name = speaker_of(path)
            except ConfigError:
                continue
            if name not in found or path.name == _file_of(name):
                found[name] = path
        return found

    def names(self) -> tuple[str, ...]:
        """Return the names of the files in alphabetical order, including unreadable ones."""
        return tuple(sorted(name for name, path in self.by_name().items() if path.is_file()))

    def path_of(self, name: str) -> Path:
        """Return the path at which the voiceprint of a name is or would be stored."""
        path = self.path / _file_of(check_name(name))
        if os.path.lexists(path):
            return path
        # A file copied from macOS may have the decomposed form of its name.
        return self.by_name().get(check_name(name), path)

    def existing(self, name: str) -> Path:
        """Return the file of a name, or an unreadable file with that file name.

        Raises:
            UnknownSpeakerError: there is neither.
        """
        # Names are only compared with the listed files: no name can escape the folder.
        files = {path.name: path for path in self.paths()}
        for key in (f"{name}{SUFFIX}", f"{unicodedata.normalize('NFC', name)}{SUFFIX}", name):
            if key in files:
                return files[key]
        for path in files.values():
            if name in (printable(path.name), printable(path.name.removesuffix(SUFFIX))):
                return path
        path = self.path_of(name)
        if not os.path.lexists(path):
            remedy = "speakersdk profiles lists what is stored"
            raise UnknownSpeakerError(name, known=self.names(), remedy=remedy)
        return path

    def check_writable(self) -> None:
        """Raise an OSError unless files can be created in the folder, which need not exist."""
        folder = self.path
        while not os.path.lexists(folder) and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(
                errno.EACCES,
                "voiceprints cannot be stored: expected a writable folder "
                "(choose one with --voiceprints FOLDER)",
                str(folder),
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Create the folder if needed, and hold its lock."""
        # Voiceprints are biometric data, readable only by their owner.
        make_private_folder(self.path)
        with folder_lock(self.path):
            # All writers hold the lock: existing temporary files are from killed writers.
            purge_temporary(self.path)
            yield


def speaker_of(path: Path) -> str:
    """Return the name of the speaker of a file.

    Raises:
        ConfigError: the file name contains no valid speaker name.
    """
    return check_name(path.name.removesuffix(SUFFIX))


def _file_of(name: str) -> str:
    """Return the file name for a speaker's name."""
    return file_name(f"{name}{SUFFIX}")
