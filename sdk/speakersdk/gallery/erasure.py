"""Erasure of speakers: their voiceprints, and their entries in galleries of the same folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from speakersdk.files import file_sha256
from speakersdk.gallery.file import SUFFIX
from speakersdk.gallery.gallery import Gallery
from speakersdk.sealing import key_if_sealed
from speakersdk.text import file_name, printable
from speakersdk.voiceprint.attempts import FILE_NAME as ATTEMPTS
from speakersdk.voiceprint.life import utc_now
from speakersdk.voiceprint.sealed_store import REMEMBERED_SUFFIX, overwrite, wiped_after
from speakersdk.voiceprint.store import VoiceprintStore
from speakersdk.voiceprint.uses import FILE_NAME as USES


def erase(store: VoiceprintStore, names: Sequence[str]) -> Iterator[str]:
    """Erase the speakers, and yield a line about each file.

    Galleries come first. If the process is killed, the same command completes the erasure.

    Raises:
        UnknownSpeakerError: no voiceprint has that name; nothing was erased.
        GalleryError, SealError: a gallery of the folder cannot be read.
        OSError: a file cannot be changed.
    """
    for name in names:
        store.check_stored(name)
    for path in _galleries(store):
        key = key_if_sealed(path, store.key)
        gallery = Gallery.load(path, key=key)
        found = [name for name in names if name in gallery]
        for name in found:
            gallery.remove(name)
        if found:
            with wiped_after(path):
                gallery.save(path, key=key)
            yield f"erased {', '.join(map(printable, found))} from {printable(path.name)}"
    for name in names:
        path = store.folder / file_name(f"{name}{REMEMBERED_SUFFIX}")
        if path.is_file():
            proof = _proof(path)
            overwrite(path)
            path.unlink()
            yield f"erased the remembered recordings of {printable(name)}{proof}"
    proofs = [_proof(store.check_stored(name)) for name in names]
    store.remove(*names, is_overwritten=True)
    for name, proof in zip(names, proofs, strict=True):
        yield f"erased the voiceprint of {printable(name)}{proof}"


def erase_all(store: VoiceprintStore) -> Iterator[str]:
    """Erase every voiceprint and gallery, readable or not, and yield a line about each file."""
    remembered = store.folder.glob(f"*{REMEMBERED_SUFFIX}") if store.folder.is_dir() else ()
    for path in [*_galleries(store), *sorted(remembered)]:
        proof = _proof(path)
        overwrite(path)
        path.unlink()
        yield f"erased {printable(path.name)}{proof}"
    for name in (USES, ATTEMPTS):  # also damaged ones
        (store.folder / name).unlink(missing_ok=True)
    files = store.files()
    proofs = [_proof(store.folder / name) for name in files]
    store.remove(*files, is_overwritten=True)
    for name, proof in zip(files, proofs, strict=True):
        yield f"erased {printable(name)}{proof}"


def _proof(path: Path) -> str:
    """Identify an erased file, for records that prove its erasure."""
    if not path.is_file():
        return ""
    if path.is_symlink():
        kept = printable(os.path.realpath(path))
        return f": it was a link, and its file {kept} is kept; delete that file too"
    return f" ({path.stat().st_size} bytes, SHA-256 {file_sha256(path)}, {utc_now()})"


def _galleries(store: VoiceprintStore) -> list[Path]:
    folder = store.folder
    return sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
