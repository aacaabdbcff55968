"""Any bytes as a voiceprint file: it is read, or VoiceprintError says why not; nothing else.

Half of the inputs are parts of an intact file with the checksum made right again so that the
fuzzer comes past it.
"""

from __future__ import annotations

import hashlib
import pickle
import struct
from dataclasses import replace

import numpy as np
from fuzz_driver import fuzz

from speakersdk.errors import VoiceprintError
from speakersdk.voiceprint.file import MAGIC
from speakersdk.voiceprint.life import Consent
from speakersdk.voiceprint.voiceprint import Voiceprint

INTACT = Voiceprint(
    name="ann",
    model_name="test",
    model_sha256="ab" * 32,
    temperature=2.0,
    exemplars=2 * np.eye(2, 4, dtype=np.float32),
    speech_s=np.array([1.5, 2.5]),
    created_utc="2026-11-22T14:00:00+00:00",
)
ADAPTED = INTACT.adapted_by(2 * np.eye(4, dtype=np.float32)[3], speech_s=1.0)
LIMITED = replace(
    ADAPTED.reverted(at_utc="2026-11-28T10:00:00+00:00"),
    expires_utc="2027-02-20T14:00:00+00:00",
    consent=Consent(given_by="ann", text_id="n", given_utc="2026-11-22T14:00:00+00:00"),
)
INTACT_FILES = (INTACT, ADAPTED, LIMITED)
PARTS = [
    (data[8], data[16 : 16 + length], data[16 + length : -32])
    for data in (voiceprint.to_bytes() for voiceprint in INTACT_FILES)
    for (length,) in [struct.unpack_from("<I", data, 12)]
]


def with_checksum(version: int, header: bytes, rows: bytes) -> bytes:
    """Return a file with a correct checksum, whatever it contains."""
    data = struct.pack("<8sII", MAGIC, version, len(header)) + header + rows
    return data + hashlib.sha256(data).digest()


def target(data: bytes) -> None:
    """Read the bytes as a file, and use the result."""
    choice, rest = data[:1] or b"\0", data[1:]
    if choice < b"\x40":
        content = rest
    elif choice < b"\x80":
        header, _, rows = rest.partition(b"\0")  # a header that the fuzzer made
        content = with_checksum(1 + choice[0] % 3, header, rows)
    else:
        version, intact, rows = PARTS[choice[0] % 3]
        header = bytearray(intact)
        for position, value in zip(rest[:8:2], rest[1:8:2], strict=False):
            header[position % len(header)] = value
        changed = rest[8 : 8 + len(rows)]
        content = with_checksum(version, bytes(header), changed + rows[len(changed) :])
    try:
        voiceprint = Voiceprint.from_bytes(content)
    except VoiceprintError as error:
        if not str(error).isprintable():
            raise AssertionError(f"unprintable message: {str(error)!r}") from error
        return
    again = pickle.loads(pickle.dumps(voiceprint))
    assert again == voiceprint
    assert again.to_bytes() == Voiceprint.from_bytes(again.to_bytes()).to_bytes()
    assert np.isfinite(voiceprint.embedding).all()
    assert repr(voiceprint).isprintable()
    assert voiceprint.total_speech_s >= 0


def seeds() -> list[bytes]:
    """Return intact files and their parts."""
    whole = [b"\0" + each.to_bytes() for each in INTACT_FILES]
    parts = [bytes([0x47 + version]) + header + b"\0" + rows for version, header, rows in PARTS]
    return [*whole, *parts, b"\x80", b"\x81", b"\x82"]


if __name__ == "__main__":
    fuzz(target, seeds())
