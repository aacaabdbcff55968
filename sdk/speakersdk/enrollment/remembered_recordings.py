"""Earlier recordings of a speaker: a probe that repeats one of them is not a live voice.

Their fingerprints are in ``<name>.heard`` in the store's folder, sealed with the store's key.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from speakersdk.arguments import checked
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
from speakersdk.errors import SealError, VoiceprintError
from speakersdk.files import open_regular, replacement
from speakersdk.locks import folder_lock
from speakersdk.sealing import sealed, unsealed
from speakersdk.text import file_name, printable
from speakersdk.voiceprint.names import check_name
from speakersdk.voiceprint.sealed_store import REMEMBERED_SUFFIX
from speakersdk.voiceprint.store import VoiceprintStore

MAGIC: Final = b"\x89SPKH\r\n\x1a"
FORMAT_VERSION: Final = 1
_FORMAT: Final = ContainerFormat(
    noun="file of remembered recordings",
    magic=MAGIC,
    versions=(FORMAT_VERSION,),
    error=VoiceprintError,
)
_HEADER: Final = {"name": str, "num_frames": list}
# Only the newest are kept, because each adds a chance of 2 in 1,000 of a false repeat.
MAXIMUM_RECORDINGS: Final = 20
_MAXIMUM_FRAMES: Final = int(MAXIMUM_S * FRAMES_PER_S) + 1
_MAXIMUM_BYTES: Final = 2 * MAXIMUM_RECORDINGS * _MAXIMUM_FRAMES + (1 << 12)


@checked
class RememberedRecordings:
    """The remembered recordings of the speakers in a store.

    Args:
        store: the store of the voiceprints.
    """

    def __init__(self, store: VoiceprintStore) -> None:
        self._store = store

    def known(self, name: str) -> tuple[Fingerprint, ...]:
        """Return the fingerprints of a speaker's remembered recordings, oldest first.

        Raises:
            SealError: the file is sealed with another key, or plain in a sealed store; the message
                names it.
            VoiceprintError: the file is damaged, or belongs to another speaker; as above.
        """
        path = self._path(check_name(name))
        try:
            with open_regular(path) as file:
                data = unsealed(file.read(_MAXIMUM_BYTES + 1), self._store.key)
            return read_remembered(data, check_name(name))
        except FileNotFoundError:
            return ()
        except (SealError, VoiceprintError) as error:
            raise type(error)(f"{printable(path)}: {error}") from error

    def remember(self, name: str, blocks: Iterable[Waveform]) -> None:
        """Remember a recording of an enrolled speaker, at 16 kHz and in blocks.

        Raises:
            UnknownSpeakerError: no voiceprint has that name.
            SealError, VoiceprintError: as for `known`.
            OSError: the file cannot be written.
        """
        name = check_name(name)
        fingerprint = fingerprint_of(blocks)
        self._store.check_stored(name)
        with folder_lock(self._store.folder):
            known = (*self.known(name), fingerprint)[-MAXIMUM_RECORDINGS:]
            with replacement(self._path(name)) as file:
                file.write(sealed(write_remembered(name, known), self._store.key))

    def checked(self, name: str, blocks: Iterable[Waveform], decision: Decision) -> Decision:
        """Return the decision, made INCONCLUSIVE if it accepts a remembered recording.

        Args:
            name: name of the speaker.
            blocks: the probe at 16 kHz, in blocks.
            decision: the decision on the voice of the probe.

        Raises:
            SealError, VoiceprintError: as for `known`.
        """
        known = self.known(name)
        if decision.accepted and known and repeats(blocks, known) >= REPEATED:
            return decision.repeated("a remembered one")
        return decision

    def _path(self, name: str) -> Path:
        return self._store.folder / file_name(f"{name}{REMEMBERED_SUFFIX}")


def write_remembered(name: str, recordings: Iterable[Fingerprint]) -> bytes:
    """Serialize the fingerprints of a speaker's recordings."""
    fingerprints = list(recordings)
    file = io.BytesIO()
    header = {"name": name, "num_frames": [len(fingerprint) for fingerprint in fingerprints]}
    writer = ContainerWriter(file, _FORMAT, FORMAT_VERSION, header)
    for fingerprint in fingerprints:
        writer.put(fingerprint.astype("<u2").tobytes())
    writer.close()
    return file.getvalue()


def read_remembered(data: bytes, name: str) -> tuple[Fingerprint, ...]:
    """Read the bytes of `write_remembered`.

    Raises:
        VoiceprintError: the bytes are damaged, or belong to another speaker.
    """
    if len(data) > _MAXIMUM_BYTES:
        _FORMAT.refuse(f"expected at most {_MAXIMUM_BYTES} bytes of remembered recordings")
    file = io.BytesIO(data)
    _, header, position = _FORMAT.read_header(file, len(data))
    _FORMAT.check(file, len(data))
    values = _FORMAT.fields(header, _HEADER)
    counts = values["num_frames"]
    if values["name"] != name:
        _FORMAT.refuse(f"expected remembered recordings of {name!r}, got those of another speaker")
    if len(counts) > MAXIMUM_RECORDINGS or not all(
        type(count) is int and 0 <= count <= _MAXIMUM_FRAMES for count in counts
    ):
        _FORMAT.refuse(f"expected at most {MAXIMUM_RECORDINGS} counts of frames")
    frames = np.frombuffer(data[position:-CHECKSUM_BYTES], np.uint8)
    if len(frames) != 2 * sum(counts):
        _FORMAT.refuse(f"expected {2 * sum(counts)} bytes of fingerprints, got {len(frames)}")
    listed = np.split(frames.view("<u2").astype(np.uint16), np.cumsum(counts)[:-1])
    return tuple(listed) if counts else ()
