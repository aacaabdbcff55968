"""A teacher's origin names its weights by their hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

from speakersdk_training.teacher.provenance import provenance


def test_the_origin_holds_the_hash_of_the_weights(tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"weights")
    origin = provenance(weights, name="CAM++", licence="Apache-2.0")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert origin.sha256 == digest
    assert str(origin) == f"CAM++, Apache-2.0, sha256 {digest}"
