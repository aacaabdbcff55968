"""A folder of voiceprints, one file per speaker: ``<name>.voiceprint``.

Writers hold the lock of the folder while they read, change and write. No change is lost and no name
is given twice. Readers need no lock, because files are replaced atomically.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from speakersdk.arguments import checked
from speakersdk.errors import (
    ConfigError,
    DuplicateSpeakerError,
    SpeakerSdkError,
    UnknownSpeakerError,
    VoiceprintError,
)
from speakersdk.files import UnsyncedFolderError, data_folder, replacement, sync_folder
from speakersdk.sealing import SealingKey
from speakersdk.text import os_error_text, printable
from speakersdk.voiceprint.folder import VoiceprintFolder, speaker_of
from speakersdk.voiceprint.names import check_name, check_new_name
from speakersdk.voiceprint.sealed_store import check_key, overwrite
from speakersdk.voiceprint.uses import forget
from speakersdk.voiceprint.voiceprint import SUFFIX, Voiceprint

Join = Callable[[Voiceprint, Voiceprint], Voiceprint]


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """A voiceprint file that cannot be read.

    Attributes:
        path: path of the file.
        reason: one sentence that is safe to print.
    """

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class StoreContent:
    """The content of a store.

    Attributes:
        voiceprints: the readable voiceprints, sorted by name.
        unreadable: the other files that end in ``.voiceprint``, sorted by path.
    """

    voiceprints: tuple[Voiceprint, ...]
    unreadable: tuple[UnreadableFile, ...]


def default_folder() -> Path:
    """Return the default folder of voiceprints, without creating it.

    Raises:
        ConfigError: there is no home folder.
    """
    return data_folder("voiceprints")


@checked
class VoiceprintStore:
    """A store of voiceprints by name. The first `save` creates the folder.

    Args:
        folder: folder of the files; None means `default_folder`, looked up at every use.
        key: key of all files, which must then be sealed. None means plain files; then
            nothing is added to a folder with sealed files.
    """

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, *, key: SealingKey | None = None
    ) -> None:
        self._folder = None if folder is None else Path(folder)
        self.key = key

    @property
    def folder(self) -> Path:
        """The folder of the files.

        Raises:
            ConfigError: no folder was given, and there is no home folder.
        """
        return default_folder() if self._folder is None else self._folder

    @property
    def _files(self) -> VoiceprintFolder:
        return VoiceprintFolder(self.folder)

    def __repr__(self) -> str:
        parts = [] if self._folder is None else [repr(str(self._folder))]
        parts += [] if self.key is None else ["sealed"]
        return f"VoiceprintStore({', '.join(parts)})"

    def names(self) -> tuple[str, ...]:
        """Return the names of the stored files in alphabetical order, including unreadable ones.

        The result is empty if the folder does not exist or there is no home folder.
        """
        try:
            return self._files.names()
        except ConfigError:  # no home folder: nothing can be stored in it
            return ()

    def content(self) -> StoreContent:
        """Read all files. Damaged and misnamed ones are listed as unreadable."""
        by_name = self._files.by_name()
        voiceprints, unreadable = [], []
        for path in self._files.paths():
            try:
                name = speaker_of(path)
                if by_name[name] != path:
                    raise VoiceprintError(f"another file, {by_name[name]}, has the same name")
                voiceprints.append(_load(path, name, self.key))
            except (SpeakerSdkError, OSError) as error:
                text = os_error_text(error) if isinstance(error, OSError) else str(error)
                reason = printable(text.removeprefix(f"{printable(path)}: "))
                unreadable.append(UnreadableFile(path, reason))
        return StoreContent(
            tuple(sorted(voiceprints, key=lambda voiceprint: voiceprint.name)),
            tuple(sorted(unreadable, key=lambda file: file.path)),
        )

    def path(self, name: str) -> Path:
        """Return the path at which the voiceprint of a name is or would be stored."""
        return self._files.path_of(name)

    def load(self, name: str) -> Voiceprint:
        """Read the voiceprint of a speaker.

        Raises:
            UnknownSpeakerError: no voiceprint has that name; the message lists the stored names.
            VoiceprintError: the file is damaged, or contains the voiceprint of another speaker.
            OSError: the file cannot be read, or a folder, a pipe or a device is in its place.
        """
        path = self.path(name)
        if not os.path.lexists(path):
            raise UnknownSpeakerError(name, known=self.names())
        return _load(path, check_name(name), self.key)

    def check_new(self, name: str, *, replace: bool = False, append: bool = False) -> None:
        """Check whether `save` would accept a voiceprint of that name.

        Raises:
            ConfigError: both replace and append are set, or the name is invalid (see
                `check_new_name`).
            DuplicateSpeakerError: the name is taken.
            OSError: the folder cannot be written to.
        """
        if replace and append:
            raise ConfigError("expected at most one of replace and append, got both")
        self._files.check_writable()
        _check_name(check_name(name), self._files.by_name(), is_change=replace or append)

    def save(
        self,
        voiceprint: Voiceprint,
        *,
        replace: bool = False,
        append: bool = False,
        join: Join = Voiceprint.with_exemplars,
    ) -> Voiceprint:
        """Store a voiceprint under its name and return the stored voiceprint.

        Args:
            voiceprint: the voiceprint to store.
            replace: replace a voiceprint of the same name.
            append: add its exemplars to a voiceprint of the same name, if there is one.
            join: function that joins the stored and the new voiceprint for append. The default does
                not check that both are of one voice.

        Raises:
            DuplicateSpeakerError: the name is already stored and neither replace nor append is set,
                or a stored name differs only in case.
            ConfigError: the name is invalid (see `check_new_name`).
            IncompatibleModelError: append is set, and the stored voiceprint was made with a
                different model.
            OSError: the file cannot be written, or the store stays locked for too long.
            UnsyncedFolderError: the file is stored, but a power cut may undo it.
        """
        return self.save_all([voiceprint], replace=replace, append=append, join=join)[0]

    def save_all(
        self,
        voiceprints: Sequence[Voiceprint],
        *,
        replace: bool = False,
        append: bool = False,
        join: Join = Voiceprint.with_exemplars,
    ) -> list[Voiceprint]:
        """Store several voiceprints like `save`: all of them, or none on an error.

        Raises:
            ConfigError: several have one name, and append is not set.
        """
        for voiceprint in voiceprints:  # before the folder is created
            self.check_new(voiceprint.name, replace=replace, append=append)
        with self._files.locked():
            taken = set(self._files.by_name())
            changed: dict[str, Voiceprint] = {}
            for voiceprint in voiceprints:
                name = voiceprint.name
                stored = changed.get(name)
                if stored is not None and not append:
                    raise ConfigError(
                        f"expected one voiceprint of each name, got several of {name!r}; leave the "
                        "others out, or join them with append=True (--append)"
                    )
                _check_name(name, taken, is_change=replace or append)
                if stored is None and append and name in taken:
                    stored = self.load(name)
                taken.add(name)
                changed[name] = voiceprint if stored is None else join(stored, voiceprint)
            self._write(changed)
        return [changed[voiceprint.name] for voiceprint in voiceprints]

    def exchange(self, old: Voiceprint, new: Voiceprint) -> bool:
        """Replace a stored voiceprint unless it has changed since it was loaded.

        Use it for slow changes, without holding the lock during the change:

            while True:
                old = store.load(name)
                if store.exchange(old, changed(old)):
                    break

        Returns:
            Whether `new` was stored. If not, the stored voiceprint differs from `old`.
        """
        if old.name != new.name:
            raise ValueError(
                f"expected two voiceprints of one name, got {old.name!r}, {new.name!r}"
            )
        with self._files.locked():
            if self.load(old.name) != old:
                return False
            self._write({new.name: new})
        return True

    def files(self) -> tuple[str, ...]:
        """Return the names of all files that end in ``.voiceprint``, readable or not."""
        return tuple(path.name for path in self._files.paths())

    def check_stored(self, name: str) -> Path:
        """Return the file that `remove` would delete.

        Raises:
            UnknownSpeakerError: there is none.
        """
        return self._files.existing(name)

    def remove(self, *names: str, is_overwritten: bool = False) -> None:
        """Delete voiceprints: all of them, or none if one is missing.

        Damaged and misnamed files can be removed by their file name, with or without the suffix.
        Temporary files of killed writers are deleted as well.

        Args:
            names: names of the voiceprints.
            is_overwritten: whether to overwrite the content of each file with zeros first.

        Raises:
            UnknownSpeakerError: no voiceprint has that name.
            ConfigError: the file of last uses or of attempts is damaged.
            OSError: a file cannot be deleted.
        """
        for name in names:
            self._files.existing(name)
        self._files.check_writable()
        with self._files.locked():
            paths = sorted({self._files.existing(name) for name in names})
            for path in paths:
                if _is_folder(path) and any(path.iterdir()):
                    raise OSError(
                        errno.ENOTEMPTY, "not removed: expected an empty folder", str(path)
                    )
            forget(self.folder, [path.name.removesuffix(SUFFIX) for path in paths])
            for path in paths:
                if _is_folder(path):
                    path.rmdir()
                else:
                    if is_overwritten and path.is_file():
                        overwrite(path)
                    path.unlink()
            sync_folder(self.folder)

    def _write(self, changed: dict[str, Voiceprint]) -> None:
        """Write all files. If one cannot be written, the others are restored.

        A folder that cannot be synced is reported after all files are in place.
        """
        check_key(self.folder, self.key)
        before: list[tuple[Path, bytes | None]] = []
        unsynced: UnsyncedFolderError | None = None
        try:
            for name, voiceprint in changed.items():
                path = self.path(name)
                old = path.read_bytes() if path.is_file() else None
                try:
                    voiceprint.save(path, key=self.key)
                except UnsyncedFolderError as error:
                    unsynced = error
                before.append((path, old))
        except BaseException:
            for path, old in reversed(before):
                _restore(path, old)
            raise
        if unsynced is not None:
            raise unsynced


def _restore(path: Path, content: bytes | None) -> None:
    """Give a file its former content; None means that it did not exist."""
    if content is None:
        path.unlink(missing_ok=True)
    else:
        with contextlib.suppress(UnsyncedFolderError), replacement(path) as file:
            file.write(content)


def _check_name(name: str, taken: Collection[str], *, is_change: bool) -> None:
    """Refuse a taken or confusable name, unless the existing voiceprint is to be changed."""
    if name not in taken:  # stored names stay valid if the rules change
        check_new_name(name, taken)
    elif not is_change:
        raise DuplicateSpeakerError(name)


def _load(path: Path, name: str, key: SealingKey | None) -> Voiceprint:
    voiceprint = Voiceprint.load(path, key=key)
    if voiceprint.name != name:
        raise VoiceprintError(
            f"{printable(path)}: expected the voiceprint of {name!r}, got that of "
            f"{voiceprint.name!r}; a renamed file keeps the name that it was enrolled with"
        )
    return voiceprint


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
