"""Families by name, and by the metadata of sherpa-onnx."""

from __future__ import annotations

import pytest

from speakersdk.errors import ConfigError
from speakersdk_export.adopt.families import FAMILIES, family_of


def test_sherpa_files_name_their_family_and_are_believed_in_nothing_else() -> None:
    metadata = {"framework": "3d-speaker", "normalize_samples": "0", "feature_normalize_type": ""}
    family = family_of("sherpa", metadata)
    assert family is FAMILIES["3d-speaker"]
    assert family.front_end.sample_scale == 1.0
    assert family.front_end.high_hz == 8000


def test_unknown_families_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected a family of wespeaker"):
        family_of("kaldi", {})
    with pytest.raises(ConfigError, match="expected the metadata key 'framework'"):
        family_of("sherpa", {"framework": "other"})
    with pytest.raises(ConfigError, match=r"at 16000 Hz, got .* '8000'"):
        family_of("sherpa", {"framework": "wespeaker", "sample_rate": "8000"})
