from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speakersdk.errors import VoiceprintError
from speakersdk.voiceprint.file import MAGIC, read_fields, write_voiceprint
from speakersdk.voiceprint.life import Consent
from speakersdk.voiceprint.voiceprint import Voiceprint
from tests.sdk.example_voiceprints import example_voiceprint

COMPATIBILITY = Path(__file__).parents[2] / "data" / "compat"

LIMITED = example_voiceprint(expires_utc="2027-02-20T14:00:00+00:00")


def changed(**changes: Any) -> bytes:
    """Return a file of version 3 with another header and a correct checksum."""
    data = write_voiceprint(LIMITED)
    (length,) = struct.unpack_from("<I", data, 12)
    header = json.loads(data[16 : 16 + length]) | changes
    encoded = json.dumps(header).encode()
    body = struct.pack("<8sII", MAGIC, 3, len(encoded)) + encoded + data[16 + length : -32]
    return body + hashlib.sha256(body).digest()


def test_fields_are_what_was_written() -> None:
    assert Voiceprint(**read_fields(write_voiceprint(LIMITED))) == LIMITED
    assert Voiceprint.from_bytes(changed()) == LIMITED


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_utc": 7},
        {"expires_utc": "tomorrow"},
        {"consent": []},
        {"consent": {"given_by": "ann"}},
        {"consent": {"given_by": "ann", "text_id": "a", "given_utc": None}},
        {"history": None},
        {"history": [["forged", "2026-11-22T14:00:00+00:00", 1.0]]},
        {"history": [["adapted", "2026-11-22T14:00:00+00:00", True]]},
        {"history": [["adapted", "2026-11-22T14:00:00+00:00", 10**400]]},
        {"history": [["adapted", "2026-11-22T14:00:00+00:00", 1.0]] * 101},
        {"unknown": 1},
    ],
)
def test_an_impossible_life_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(VoiceprintError, match="the voiceprint's content is not valid"):
        Voiceprint.from_bytes(changed(**changes))


def test_a_file_that_is_too_large_is_not_written() -> None:
    exemplars = np.zeros((1, 1 << 24))
    exemplars[0, 0] = 1.0
    wide = dataclasses.replace(LIMITED, exemplars=exemplars)
    with pytest.raises(ValueError, match="expected at most 67108864 bytes"):
        write_voiceprint(wide)


def test_voiceprints_of_every_released_version_still_load() -> None:
    files = sorted(COMPATIBILITY.glob("voiceprint-v*.voiceprint"))
    assert [file.name for file in files] == [
        f"voiceprint-v{version}.voiceprint" for version in (1, 2, 3)
    ]
    enrolled = example_voiceprint(
        "Zoë O'Brien",
        temperature=5.0,
        exemplars=np.array([[3.0, 4.0, 0.0], [0.0, 3.0, 4.0]]),
        speech_s=np.array([2.5, 3.25]),
    )
    adapted = enrolled.adapted_by(np.array([0.0, 0.0, 5.0], np.float32), speech_s=2.5)
    limited = dataclasses.replace(
        enrolled.adapted_by(
            np.array([0.0, 0.0, 5.0], np.float32), speech_s=2.5, at_utc="2026-11-28T10:00:00+00:00"
        ),
        expires_utc="2027-02-20T14:00:00+00:00",
        consent=Consent(
            given_by="Zoë O'Brien", text_id="notice-3", given_utc="2026-11-22T13:59:00+00:00"
        ),
    )
    for file, expected in zip(files, (enrolled, adapted, limited), strict=True):
        assert Voiceprint.load(file) == expected
        # Writing is as stable as reading: not a byte has changed.
        assert expected.to_bytes() == file.read_bytes()
