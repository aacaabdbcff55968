"""The bytes of a voiceprint. docs/formats/voiceprint.md describes them.

Version 2 added adapted exemplars, version 3 the life of the voiceprint and exemplars that are
rotated by a secret rotation. Files are written in the oldest sufficient version.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from speakersdk.container import CHECKSUM_BYTES, ContainerFormat, ContainerWriter
from speakersdk.errors import VoiceprintError
from speakersdk.voiceprint.life import Change, Consent

if TYPE_CHECKING:
    from speakersdk.voiceprint.voiceprint import Voiceprint

FORMAT_VERSION: Final = 3
MAGIC: Final = b"\x89SPKV\r\n\x1a"
FORMAT: Final = ContainerFormat(
    noun="voiceprint", magic=MAGIC, versions=(1, 2, FORMAT_VERSION), error=VoiceprintError
)
# Enough for 65,000 recordings of 256 values.
MAXIMUM_BYTES: Final = 1 << 26
_FIRST: Final = {
    "name": str,
    "model_name": str,
    "model_sha256": str,
    "temperature": float,
    "num_exemplars": int,
    "embedding_dim": int,
    "speech_s": list,
    "created_utc": str,
}
_SECOND: Final = {**_FIRST, "adapted_speech_s": list}
_THIRD: Final = {
    **_SECOND,
    "expires_utc": str | None,
    "consent": dict | None,
    "history": list,
}
_HEADERS: Final[dict[int, dict[str, Any]]] = {1: _FIRST, 2: _SECOND, 3: _THIRD}


def write_voiceprint(voiceprint: Voiceprint) -> bytes:
    """Serialize a voiceprint; equal voiceprints give equal bytes."""
    num_exemplars, embedding_dim = voiceprint.exemplars.shape
    values: dict[str, Any] = {
        "name": voiceprint.name,
        "model_name": voiceprint.model_name,
        "model_sha256": voiceprint.model_sha256,
        "temperature": voiceprint.temperature,
        "num_exemplars": num_exemplars,
        "embedding_dim": embedding_dim,
        "speech_s": voiceprint.speech_s.tolist(),
        "created_utc": voiceprint.created_utc,
    }
    version = 2 if len(voiceprint.adapted) else 1
    consent = voiceprint.consent
    if voiceprint.history or consent is not None or voiceprint.expires_utc is not None:
        version = 3
        values["expires_utc"] = voiceprint.expires_utc
        values["history"] = [change.to_json() for change in voiceprint.history]
        values["consent"] = None if consent is None else consent.to_json()
    if version > 1:
        values["adapted_speech_s"] = voiceprint.adapted_speech_s.tolist()
    file = io.BytesIO()
    writer = ContainerWriter(file, FORMAT, version, values)
    writer.put(voiceprint.exemplars.astype("<f4").tobytes())
    writer.put(voiceprint.adapted.astype("<f4").tobytes())
    writer.close()
    if file.tell() > MAXIMUM_BYTES:
        raise ValueError(f"expected at most {MAXIMUM_BYTES} bytes, got {file.tell()}")
    return file.getvalue()


def read_fields(data: bytes) -> dict[str, Any]:
    """Read the fields of a voiceprint, which are not yet checked as a whole.

    Raises:
        VoiceprintError: the bytes are not a voiceprint, of an unknown version, truncated or
            damaged.
    """
    file = io.BytesIO(data)
    version, header, position = FORMAT.read_header(file, len(data))
    FORMAT.check(file, len(data))
    values = FORMAT.fields(header, _HEADERS[version])
    num_exemplars, dim = values.pop("num_exemplars"), values.pop("embedding_dim")
    num_adapted = len(values.get("adapted_speech_s", ()))
    if version == 2 and not num_adapted:
        FORMAT.refuse("the voiceprint's header does not fit format version 2")
    rows = data[position:-CHECKSUM_BYTES]
    # Python integers do not overflow.
    if min(num_exemplars, dim) < 1 or 4 * dim * (num_exemplars + num_adapted) != len(rows):
        FORMAT.refuse(
            f"the voiceprint's content is not valid: expected {num_exemplars} + {num_adapted} "
            f"exemplars of {dim} values, got {len(rows)} bytes"
        )
    for key in ("speech_s", "adapted_speech_s"):
        if not all(type(item) in (int, float) for item in values.get(key, ())):
            FORMAT.refuse(
                f"the voiceprint's content is not valid: expected {key} to contain only numbers"
            )
    exemplars = np.frombuffer(rows, dtype="<f4").reshape(-1, dim)
    values |= {"exemplars": exemplars[:num_exemplars], "adapted": exemplars[num_exemplars:]}
    if version == 3:
        try:
            values["history"] = tuple(Change.from_json(item) for item in values["history"])
            if values["consent"] is not None:
                values["consent"] = Consent.from_json(values["consent"])
        except (OverflowError, ValueError) as error:
            raise VoiceprintError(f"the voiceprint's content is not valid: {error}") from error
    return values
