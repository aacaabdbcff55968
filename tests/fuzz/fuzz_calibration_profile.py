"""Any bytes as a calibration profile: it is read, or CalibrationError says why not; nothing else.

Half of the inputs change the values of an intact file and make its checksum right again.
"""

from __future__ import annotations

import hashlib
import json
import math
import tempfile
from pathlib import Path

from fuzz_driver import fuzz

from speakersdk.errors import CalibrationError
from speakersdk.recalibration.profile import CalibrationProfile

FOLDER = tempfile.TemporaryDirectory(prefix="speakersdk-fuzz-")
PATH = Path(FOLDER.name) / "fuzzed.calibration.json"
VALUES = {
    "version": 2,
    "name": "usb",
    "model_name": "m",
    "model_sha256": "ab" * 32,
    "base_sha256": "cd" * 32,
    "offset": 0.5,
    "scale": 1.25,
    "num_speakers": 3,
    "num_recordings": 9,
    "created_utc": "2026-11-22T14:00:00+00:00",
}


def with_checksum(values: object) -> bytes:
    """Return a file with a correct checksum, whatever it contains."""
    if isinstance(values, dict):
        text = json.dumps(values, sort_keys=True)
        values = {**values, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    return json.dumps(values).encode()


def target(data: bytes) -> None:
    """Read the bytes as a file, and use the result."""
    choice, rest = data[:1] or b"\0", data[1:]
    content = rest
    if choice >= b"\x80":
        try:
            value = json.loads(rest)
        except (ValueError, RecursionError):
            value = rest.decode(errors="replace")
        key = list(VALUES)[choice[0] % len(VALUES)]
        try:
            changed = value if choice >= b"\xf0" else {**VALUES, key: value}
            content = with_checksum(changed)
        except (ValueError, RecursionError):
            return
    PATH.write_bytes(content)
    try:
        profile = CalibrationProfile.load(str(PATH))
    except CalibrationError as error:
        if not str(error).isprintable():
            raise AssertionError(f"unprintable message: {str(error)!r}") from error
        return
    assert math.isfinite(profile.offset)
    assert math.isfinite(profile.scale)
    assert profile.scale > 0


def seeds() -> list[bytes]:
    """Return an intact file, one of version 1, and values."""
    old = {**VALUES, "version": 1}
    values = [b"1e999", b"NaN", b"true", b'"x"', b"[]", b"{}", b"null", b"9" * 400]
    return [
        b"\0" + with_checksum(VALUES),
        b"\0" + json.dumps(old).encode(),
        *(bytes([0x80 + number]) + value for number in range(10) for value in values[number % 8 :]),
        b"\xf0" + json.dumps(VALUES).encode(),
    ]


if __name__ == "__main__":
    fuzz(target, seeds())
