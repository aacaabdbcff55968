"""Rates of detectors; a kind of attack that is left out has no effect on training."""

import numpy as np
import pytest

from benchmarks.spoofing import clips
from benchmarks.spoofing.unseen_attacks import Material, balanced, judged, rates

pytestmark = pytest.mark.training


def test_rates_of_separate_and_equal_scores() -> None:
    own, sources = np.linspace(-2, -1, 100), np.array([f"s{n // 2}" for n in range(100)])
    apart = rates(own, own + 5, sources, sources)
    assert (apart["apcer_percent"], apart["eer_percent"]) == (0, 0)
    assert apart["apcer_interval_percent"] == [0, 0]
    alike = rates(own, own, sources, sources)
    assert alike["apcer_percent"] == 98  # accepted at a BPCER of 2 %
    assert alike["eer_percent"] == pytest.approx(50, abs=1)
    low, high = alike["apcer_interval_percent"]
    assert low < high


def test_kinds_have_equal_weights() -> None:
    kinds = np.array([clips.BONA_FIDE] * 10 + ["a"] * 4 + ["b"] * 2)
    weights = balanced(kinds)
    assert weights.mean() == pytest.approx(1)
    by_kind = {kind: weights[kinds == kind].sum() for kind in set(kinds)}
    assert by_kind["a"] == pytest.approx(by_kind["b"])
    assert by_kind[clips.BONA_FIDE] == pytest.approx(by_kind["a"] + by_kind["b"])


def test_a_kind_left_out_is_known_by_nothing_of_its_own() -> None:
    """Kind a raises a feature, and kind b lowers it."""
    chance = np.random.default_rng(5)
    kinds = np.tile([clips.BONA_FIDE, "a", "b"], 300)
    values = chance.standard_normal((900, 4)).astype(np.float32)
    values[kinds == "a", 0] += 8
    values[kinds == "b", 0] -= 8
    parts = np.repeat([clips.TRAIN, clips.THRESHOLD, clips.TEST], 300)
    material = Material(
        statistics=values,
        kinds=kinds,
        parts=parts,
        corpora=np.array(["c"] * 900),
        sources=np.array([f"s{n // 3}" for n in range(900)]),
    )

    def apcer(without: tuple[str, ...]) -> float:
        found = judged(material, "network", without, ("b",), epochs=40)["b"]
        assert found["fixed"]["bpcer_percent"] == pytest.approx(2, abs=6)
        value: float = found["apcer_percent"]
        return value

    assert apcer(()) < 5
    assert apcer(("b",)) > 50
