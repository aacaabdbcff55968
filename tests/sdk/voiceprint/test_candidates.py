"""Valid and invalid candidates for a probe."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from speakersdk.errors import ConfigError
from speakersdk.voiceprint.candidates import check_distinct, divide_usable
from tests.sdk.example_voiceprints import EMBEDDING_DIM, example_voiceprint

ANN = example_voiceprint()


@pytest.mark.parametrize("candidates", [[], None])
def test_no_candidates_are_an_error(candidates: Any) -> None:
    with pytest.raises(ConfigError, match="got none"):
        check_distinct(candidates)


def test_one_name_stands_for_one_speaker() -> None:
    check_distinct([ANN])
    with pytest.raises(ConfigError, match="'ann' 2 times"):
        check_distinct([ANN, ANN])


def test_voiceprints_are_divided_by_whether_a_model_can_use_them() -> None:
    model = SimpleNamespace(
        name="tdnn-test", weights_sha256="ab" * 32, embedding_dim=EMBEDDING_DIM, temperature=1.0
    )
    expired = example_voiceprint("old", expires_utc="2026-01-01T00:00:00+00:00")
    foreign = example_voiceprint("eve", model_name="other", model_sha256="cd" * 32)
    usable, reasons = divide_usable([ANN, expired, foreign], model)
    assert usable == [ANN]
    assert reasons.keys() == {"old", "eve"}
    assert "expired at 2026-01-01" in reasons["old"]
    assert "made with model other" in reasons["eve"]
