"""The origin of the weights of an adopted model."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from speakersdk.encoder.origin import Origin
from speakersdk.errors import ManifestError

ORIGIN = Origin(
    family="3d-speaker",
    source="campplus.onnx",
    licence="Apache-2.0",
    trained_by="3D-Speaker",
    sha256="0" * 64,
    front_end={"window": "povey"},
    golden_cosine=1.0,
)


def test_an_origin_is_read_as_it_was_written() -> None:
    assert Origin.from_json(asdict(ORIGIN)) == ORIGIN


@pytest.mark.parametrize(
    "change",
    [{"family": 3}, {"front_end": []}, {"golden_cosine": "high"}, {"colour": "red"}],
)
def test_other_fields_and_types_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match="origin"):
        Origin.from_json(asdict(ORIGIN) | change)


@pytest.mark.parametrize("values", [None, [], "text", {}])
def test_other_values_are_refused(values: Any) -> None:
    with pytest.raises(ManifestError, match="expected an origin with family"):
        Origin.from_json(values)
