"""Erase speakers: their voiceprints and their entries in the galleries of the same folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from speakersdk.files import open_regular
from speakersdk.gallery.gallery import SUFFIX, Gallery
from speakersdk.sealing import is_sealed
from speakersdk.text import printable
from speakersdk.voiceprint.sealed_store import overwrite, wiped_after
from speakersdk.voiceprint.store import VoiceprintStore


def erase(store: VoiceprintStore, names: Sequence[str]) -> Iterator[str]:
    """Erase the speakers, and yield a line about each file.

    Galleries come first. If the process is killed, the same command does the rest.

    Raises:
        UnknownSpeakerError: no voiceprint has that name; nothing was erased.
        GalleryError, SealError: a gallery of the folder cannot be read.
        OSError: a file cannot be changed.
    """
    for name in names:
        store.check_stored(name)
    for path in _galleries(store):
        with open_regular(path) as file:
            key = store.key if is_sealed(file.read(8)) else None
        gallery = Gallery.load(path, key=key)
        found = [name for name in names if name in gallery]
        for name in found:
            gallery.remove(name)
        if found:
            with wiped_after(path):
                gallery.save(path, key=key)
            yield f"erased {', '.join(map(printable, found))} from {printable(path.name)}"
    store.remove(*names, is_overwritten=True)
    yield from (f"erased the voiceprint of {printable(name)}" for name in names)


def erase_all(store: VoiceprintStore) -> Iterator[str]:
    """Erase every voiceprint and gallery, readable or not, and yield a line about each file."""
    for path in _galleries(store):
        overwrite(path)
        path.unlink()
        yield f"erased {printable(path.name)}"
    files = store.files()
    store.remove(*files, is_overwritten=True)
    yield from (f"erased {printable(name)}" for name in files)


def _galleries(store: VoiceprintStore) -> list[Path]:
    folder = store.folder
    return sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
