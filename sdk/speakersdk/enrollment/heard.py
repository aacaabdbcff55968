"""Recordings that were heard of a speaker: a probe that repeats one of them is no live voice.

They are fingerprints in the file ``<name>.heard`` of the store's folder, sealed with its key.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from speakersdk.arrays import Waveform
from speakersdk.container import CHECKSUM_BYTES, ContainerFormat, ContainerWriter
from speakersdk.decision.outcome import Decision
from speakersdk.enrollment.fingerprint import (
    FRAMES_PER_S,
    MAXIMUM_S,
    REPEATED,
    Fingerprint,
    fingerprint_of,
    repeats,
)
from speakersdk.errors import VoiceprintError
from speakersdk.files import folder_lock, open_regular, replacement
from speakersdk.sealing import sealed, unsealed
from speakersdk.text import file_name
from speakersdk.voiceprint.names import check_name
from speakersdk.voiceprint.sealed_store import HEARD_SUFFIX
from speakersdk.voiceprint.store import VoiceprintStore

MAGIC: Final = b"\x89SPKH\r\n\x1a"
FORMAT_VERSION: Final = 1
_FORMAT: Final = ContainerFormat(
    noun="file of heard recordings",
    magic=MAGIC,
    versions=(FORMAT_VERSION,),
    error=VoiceprintError,
)
_HEADER: Final = {"name": str, "num_frames": list}
# The newest are kept. Each is taken for a repeat by chance in 2 of 1,000 comparisons.
MAXIMUM_RECORDINGS: Final = 20
_MAXIMUM_FRAMES: Final = int(MAXIMUM_S * FRAMES_PER_S) + 1
_MAXIMUM_BYTES: Final = 2 * MAXIMUM_RECORDINGS * _MAXIMUM_FRAMES + (1 << 12)


class HeardRecordings:
    """The recordings that were heard of the speakers of a store.

    Args:
        store: of the voiceprints.
    """

    def __init__(self, store: VoiceprintStore) -> None:
        self._store = store

    def known(self, name: str) -> tuple[Fingerprint, ...]:
        """Fingerprints of the recordings that were remembered of a speaker, oldest first.

        Raises:
            SealError: the file is sealed with another key, or plain in a sealed store.
            VoiceprintError: it is damaged, or of another speaker.
        """
        name = check_name(name)
        try:
            with open_regular(self._path(name)) as file:
                data = unsealed(file.read(_MAXIMUM_BYTES + 1), self._store.key)
        except FileNotFoundError:
            return ()
        return read_heard(data, name)

    def remember(self, name: str, blocks: Iterable[Waveform]) -> None:
        """Remember a recording of an enrolled speaker, at 16 kHz and in blocks.

        Raises:
            UnknownSpeakerError: no voiceprint has that name.
            SealError, VoiceprintError: as `known`.
            OSError: the file cannot be written.
        """
        name = check_name(name)
        fingerprint = fingerprint_of(blocks)
        self._store.check_stored(name)
        with folder_lock(self._store.folder):
            known = (*self.known(name), fingerprint)[-MAXIMUM_RECORDINGS:]
            with replacement(self._path(name)) as file:
                file.write(sealed(write_heard(name, known), self._store.key))

    def checked(self, name: str, blocks: Iterable[Waveform], decision: Decision) -> Decision:
        """A decision, knowing whether the probe repeats a recording that was remembered.

        Args:
            name: of the speaker.
            blocks: the probe, at 16 kHz.
            decision: about the probe, from its voice.

        Raises:
            SealError, VoiceprintError: as `known`.
        """
        known = self.known(name)
        if decision.accepted and known and repeats(blocks, known) >= REPEATED:
            return decision.repeated("a remembered one")
        return decision

    def _path(self, name: str) -> Path:
        return self._store.folder / file_name(f"{name}{HEARD_SUFFIX}")


def write_heard(name: str, known: Iterable[Fingerprint]) -> bytes:
    """Serialise the fingerprints of a speaker's recordings."""
    listed = list(known)
    file = io.BytesIO()
    header = {"name": name, "num_frames": [len(each) for each in listed]}
    writer = ContainerWriter(file, _FORMAT, FORMAT_VERSION, header)
    for each in listed:
        writer.put(each.astype("<u2").tobytes())
    writer.close()
    return file.getvalue()


def read_heard(data: bytes, name: str) -> tuple[Fingerprint, ...]:
    """Read the bytes of `write_heard`.

    Raises:
        VoiceprintError: they are damaged, or of another speaker.
    """
    if len(data) > _MAXIMUM_BYTES:
        _FORMAT.refuse(f"expected at most {_MAXIMUM_BYTES} bytes of heard recordings")
    file = io.BytesIO(data)
    _, header, position = _FORMAT.read_header(file, len(data))
    _FORMAT.check(file, len(data))
    values = _FORMAT.fields(header, _HEADER)
    counts = values["num_frames"]
    if values["name"] != name:
        _FORMAT.refuse(f"expected heard recordings of {name!r}, got those of another speaker")
    if len(counts) > MAXIMUM_RECORDINGS or not all(
        type(count) is int and 0 <= count <= _MAXIMUM_FRAMES for count in counts
    ):
        _FORMAT.refuse(f"expected at most {MAXIMUM_RECORDINGS} counts of frames")
    frames = np.frombuffer(data[position:-CHECKSUM_BYTES], np.uint8)
    if len(frames) != 2 * sum(counts):
        _FORMAT.refuse(f"expected {2 * sum(counts)} bytes of fingerprints, got {len(frames)}")
    listed = np.split(frames.view("<u2").astype(np.uint16), np.cumsum(counts)[:-1])
    return tuple(listed) if counts else ()
