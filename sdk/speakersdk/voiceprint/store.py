"""A folder of voiceprints, one file per speaker: ``<name>.voiceprint``.

Writers hold the folder's lock while they read, change and write, so that no change is lost and no
name is given twice. Readers need no lock: a file is replaced as a whole.
"""

from __future__ import annotations

import errno
import os
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from speakersdk.errors import (
    ConfigError,
    DuplicateSpeakerError,
    SpeakerSdkError,
    UnknownSpeakerError,
    VoiceprintError,
)
from speakersdk.files import (
    data_folder,
    folder_lock,
    purge_temporary,
    replacement,
    sync_folder,
)
from speakersdk.text import printable
from speakersdk.voiceprint.names import check_name, check_new_name
from speakersdk.voiceprint.voiceprint import SUFFIX, Voiceprint

Join = Callable[[Voiceprint, Voiceprint], Voiceprint]


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    """A file in the folder that gives no voiceprint.

    Attributes:
        path: of the file.
        reason: one sentence for people, safe to print.
    """

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class StoreContent:
    """Everything in a store.

    Attributes:
        voiceprints: those that can be read, by name.
        unreadable: the other files that end in ``.voiceprint``, by path.
    """

    voiceprints: tuple[Voiceprint, ...]
    unreadable: tuple[UnreadableFile, ...]


def default_folder() -> Path:
    """Where voiceprints are stored unless told otherwise; nothing is created.

    Raises:
        ConfigError: no home folder is known.
    """
    return data_folder("voiceprints")


class VoiceprintStore:
    """Voiceprints by name. The folder is created by the first `save`, and only then.

    Args:
        folder: of the files; None = `default_folder`, which is looked up when it is first needed.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self._folder = None if folder is None else Path(folder)

    @property
    def folder(self) -> Path:
        """Where the files are.

        Raises:
            ConfigError: none was given, and no home folder is known.
        """
        return default_folder() if self._folder is None else self._folder

    def names(self) -> tuple[str, ...]:
        """Names of the stored files in alphabetical order; `content` tells which can be read.

        A folder that does not exist holds none, and neither does one that nobody can name.
        """
        try:
            entries = self._entries()
        except ConfigError:  # no home folder: nothing can have been stored in it
            return ()
        return tuple(sorted(name for name, path in entries.items() if path.is_file()))

    def content(self) -> StoreContent:
        """Read every file. One that is damaged, misnamed or no file hides no other."""
        entries = self._entries()
        voiceprints, unreadable = [], []
        for path in self._files():
            try:
                name = _name_of(path)
                if entries[name] != path:
                    raise VoiceprintError(f"another file, {entries[name]}, has the same name")
                voiceprints.append(_load(path, name))
            except (SpeakerSdkError, OSError) as error:
                reason = error.strerror if isinstance(error, OSError) else None
                text = (reason or str(error)).removeprefix(f"{printable(path)}: ")
                unreadable.append(UnreadableFile(path, printable(text)))
        return StoreContent(
            tuple(sorted(voiceprints, key=lambda voiceprint: voiceprint.name)),
            tuple(sorted(unreadable, key=lambda file: file.path)),
        )

    def path(self, name: str) -> Path:
        """Where the voiceprint of that name is stored, or would be."""
        path = self.folder / f"{check_name(name)}{SUFFIX}"
        if os.path.lexists(path):
            return path
        # A file that came from macOS has the decomposed form of its name.
        return self._entries().get(check_name(name), path)

    def load(self, name: str) -> Voiceprint:
        """The voiceprint of a speaker.

        Raises:
            UnknownSpeakerError: none of that name is stored; lists those that are.
            VoiceprintError: the file is damaged, or holds the voiceprint of another speaker.
        """
        path = self.path(name)
        if not path.is_file():
            raise UnknownSpeakerError(name, known=self.names())
        return _load(path, check_name(name))

    def check_new(self, name: str, *, replace: bool = False, append: bool = False) -> None:
        """Raise what `save` would for a voiceprint of that name, before there is one.

        Raises:
            ConfigError: replace and append, or a name that cannot be used, see `check_new_name`.
            DuplicateSpeakerError: the name is taken.
            OSError: the folder cannot be written to.
        """
        if replace and append:
            raise ConfigError("expected at most one of replace and append, got both")
        self._check_writable()
        _check_name(check_name(name), self._entries(), is_change=replace or append)

    def save(
        self,
        voiceprint: Voiceprint,
        *,
        replace: bool = False,
        append: bool = False,
        join: Join = Voiceprint.with_exemplars,
    ) -> Voiceprint:
        """Store a voiceprint under its name and return what is stored now.

        Args:
            voiceprint: the speaker's.
            replace: put it in the place of one of the same name.
            append: add its exemplars to those of one of the same name, if there is one.
            join: with append, makes one voiceprint of the stored and the new one. The default
                trusts that both are of one voice; `speakersdk.enrollment.joining` checks it.

        Raises:
            DuplicateSpeakerError: the name is stored already and neither was asked for, or a name
                that differs only in case is stored: file systems disagree about those.
            ConfigError: the name cannot be used, see `check_new_name`.
            IncompatibleModelError: append, and the stored voiceprint is of another model.
            OSError: the file cannot be written, or the store is locked for too long.
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
        """`save` several voiceprints: all of them or, on an error, none."""
        for voiceprint in voiceprints:  # before the folder is made
            self.check_new(voiceprint.name, replace=replace, append=append)
        with self._locked():
            taken = set(self._entries())
            changed: dict[str, Voiceprint] = {}
            for voiceprint in voiceprints:
                name = voiceprint.name
                known = changed.get(name)
                if known is not None and not append:
                    raise DuplicateSpeakerError(name)
                _check_name(name, taken, is_change=replace or append)
                if known is None and append and name in taken:
                    known = self.load(name)
                taken.add(name)
                changed[name] = voiceprint if known is None else join(known, voiceprint)
            self._write(changed)
        return [changed[voiceprint.name] for voiceprint in voiceprints]

    def exchange(self, old: Voiceprint, new: Voiceprint) -> bool:
        """Replace a stored voiceprint by one that was made from it, unless it has changed since.

        For changes that take time, without holding the lock meanwhile:

            while True:
                old = store.load(name)
                if store.exchange(old, changed(old)):
                    break

        Returns:
            Whether `new` is stored. If not, `old` is no longer what is stored.
        """
        if old.name != new.name:
            raise ValueError(
                f"expected two voiceprints of one name, got {old.name!r}, {new.name!r}"
            )
        with self._locked():
            if self.load(old.name) != old:
                return False
            self._write({new.name: new})
        return True

    def remove(self, *names: str) -> None:
        """Delete voiceprints: all of them or, if one is not there, none.

        Damaged and misnamed files can be removed too, by the name that `content` gives them with
        or without the suffix. What killed writers left in the folder is deleted as well.

        Raises:
            UnknownSpeakerError: none of that name is stored.
            OSError: a file cannot be deleted, such as a folder that is not empty.
        """
        for name in names:
            self._existing(name)
        self._check_writable()
        with self._locked():
            paths = sorted({self._existing(name) for name in names})
            for path in paths:
                if _is_folder(path) and any(path.iterdir()):
                    raise OSError(
                        errno.ENOTEMPTY, "not removed: expected an empty folder", str(path)
                    )
            for path in paths:
                if _is_folder(path):
                    path.rmdir()
                else:
                    path.unlink()
            sync_folder(self.folder)

    def _existing(self, name: str) -> Path:
        """The file of a name, or of the odd name of an unreadable file."""
        # Files are listed and compared, never joined to the folder: no name leaves it.
        files = {path.name: path for path in self._files()}
        for key in (f"{name}{SUFFIX}", f"{unicodedata.normalize('NFC', name)}{SUFFIX}", name):
            if key in files:
                return files[key]
        for path in files.values():
            if name in (printable(path.name), printable(path.name.removesuffix(SUFFIX))):
                return path
        path = self.path(name)
        if not os.path.lexists(path):
            raise UnknownSpeakerError(name, known=self.names())
        return path

    def _files(self) -> list[Path]:
        """Everything with the suffix, in alphabetical order."""
        try:
            paths = sorted(self.folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        # Hidden files are no voiceprints.
        return [
            path for path in paths if path.name.endswith(SUFFIX) and not path.name.startswith(".")
        ]

    def _entries(self) -> dict[str, Path]:
        """Files by the name that they stand for; of two forms of a name the composed one counts."""
        entries: dict[str, Path] = {}
        for path in self._files():
            try:
                name = _name_of(path)
            except ConfigError:
                continue
            if name not in entries or path.name == f"{name}{SUFFIX}":
                entries[name] = path
        return entries

    def _check_writable(self) -> None:
        """Raise an OSError unless a file can be made in the folder, which need not exist."""
        folder = self.folder
        while not os.path.lexists(folder) and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(
                errno.EACCES,
                "voiceprints cannot be stored: expected a folder that may be written to "
                "(another one: --voiceprints FOLDER)",
                str(folder),
            )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # Voiceprints are biometric data: nobody but their owner reads them.
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with folder_lock(self.folder):
            # All writers hold the lock: what is temporary now was left by a killed one.
            purge_temporary(self.folder)
            yield

    def _write(self, changed: dict[str, Voiceprint]) -> None:
        """Write all files. If one cannot be written, the others become what they were."""
        before: list[tuple[Path, bytes | None]] = []
        try:
            for name, voiceprint in changed.items():
                path = self.path(name)
                old = path.read_bytes() if path.is_file() else None
                voiceprint.save(path)
                before.append((path, old))
        except BaseException:
            for path, old in reversed(before):
                if old is None:
                    path.unlink(missing_ok=True)
                else:
                    with replacement(path) as file:
                        file.write(old)
            raise


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _name_of(path: Path) -> str:
    """The speaker's name that a file name stands for.

    Raises:
        ConfigError: it stands for none.
    """
    return check_name(path.name.removesuffix(SUFFIX))


def _check_name(name: str, taken: Collection[str], *, is_change: bool) -> None:
    """Refuse a name that is taken or like a taken one, unless what it names is to be changed."""
    if name not in taken:  # a stored name is used on, whatever the rules were when it was new
        check_new_name(name, taken)
    elif not is_change:
        raise DuplicateSpeakerError(name)


def _load(path: Path, name: str) -> Voiceprint:
    voiceprint = Voiceprint.load(path)
    if voiceprint.name != name:
        raise VoiceprintError(
            f"{printable(path)}: expected the voiceprint of {name!r}, got that of "
            f"{voiceprint.name!r}; a renamed file keeps the name that it was enrolled with"
        )
    return voiceprint
