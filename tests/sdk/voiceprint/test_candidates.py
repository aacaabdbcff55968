"""Valid and invalid candidates for a probe."""

from __future__ import annotations

from typing import Any

import pytest

from speakersdk.errors import ConfigError
from speakersdk.voiceprint.candidates import check_distinct
from tests.sdk.example_voiceprints import example_voiceprint

ANN = example_voiceprint()


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        (ANN, r"write \[voiceprint\]"),
        (["ann"], "got str"),
        ([ANN, 1], "got int"),
        ("ann", "got str"),
    ],
)
def test_what_is_not_a_list_of_voiceprints_is_a_type_error(candidates: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        check_distinct(candidates)


@pytest.mark.parametrize("candidates", [[], None])
def test_no_candidates_are_an_error(candidates: Any) -> None:
    with pytest.raises(ConfigError, match="got none"):
        check_distinct(candidates)


def test_one_name_stands_for_one_speaker() -> None:
    check_distinct([ANN])
    with pytest.raises(ConfigError, match="'ann' 2 times"):
        check_distinct([ANN, ANN])
