"""The accuracy benchmark assigns trials to age groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy import models
from benchmarks.harness import corpora
from speakersdk.evaluation.segments import Segment, read_segments
from speakersdk.evaluation.trials import Trial


def test_ages_are_of_the_development_speakers(speech_data: Any) -> None:
    known = read_segments(corpora.TRIALS / "segments-3.0s.jsonl")
    listed = {each.speaker for each in known.values() if each.speaker.startswith("speechocean762")}
    ages = models.read_ages()
    assert listed <= set(ages)
    assert sum(age < 18 for age in ages.values()) == 64


def test_children_and_adults_are_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    ages = {"a": 7, "b": 9, "c": 30, "d": 41}
    monkeypatch.setattr(models, "read_ages", lambda: ages)
    known = {f"{name}{n}": Segment(f"{name}{n}", name, ()) for name in ages for n in (1, 2)}
    pairs = [(one, other) for one in known for other in known if one < other]
    trials = [Trial(one[0] == other[0], one, other) for one, other in pairs]
    # Children are always told apart, and adults are always confused.
    scores = [float(one[0] == other[0] and one[0] in "ab") for one, other in pairs]
    found = models.error_rates_by_age(trials, np.array(scores), known)
    assert found["children"]["eer_percent"] == 0
    assert found["adults"]["eer_percent"] >= 50
    for group in found.values():
        assert (group["target_trials"], group["nontarget_trials"], group["speakers"]) == (2, 4, 2)
