"""Thresholds of groups, and their rates on groups left out."""

from __future__ import annotations

import numpy as np
import pytest

from speakersdk.calibration.thresholds import GroupTrials, judged, robust_points
from speakersdk.errors import ConfigError

NUM_NONTARGETS = 20_000


def group(
    rng: np.random.Generator, corpus: str, *, shift: float = 0.0, weight: float = 2.0
) -> GroupTrials:
    """Strangers at N(-5 + shift + weight * excess, 1), own recordings 10 above."""
    size = NUM_NONTARGETS + 1000
    targets = np.arange(size) < 1000
    nearness = np.column_stack([rng.normal(0, 1, size), rng.uniform(0, 1, size)])
    llrs = rng.normal(-5.0, 1.0, size) + shift + weight * nearness[:, 0] + 10.0 * targets
    return GroupTrials(
        corpus=corpus,
        condition="clean / clean",
        llrs=llrs,
        targets=targets,
        speech_s=rng.uniform(1, 8, size),
        nearness=nearness,
    )


def test_a_threshold_follows_what_strangers_have_in_common(rng: np.random.Generator) -> None:
    groups = [group(rng, name) for name in "abcd"]
    points = {point.far: point for point in robust_points(groups, covered=0.5)}
    # The quantile of a slope: far below a tenth with 80,000 strangers of unit spread.
    assert points[0.01].llr_nearness == pytest.approx(2.0, abs=0.15)
    assert points[0.01].llr_gap == pytest.approx(0.0, abs=0.3)
    for one in groups:
        # 200 false accepts are expected in each; four standard deviations are 28 %.
        assert one.far(points[0.01]) == pytest.approx(0.01, rel=0.35)


def test_the_threshold_keeps_the_rate_in_most_groups_not_on_the_average(
    rng: np.random.Generator,
) -> None:
    shifts = (0.0, 0.2, 0.4, 0.6, 2.0)
    groups = [group(rng, f"{shift}", shift=shift) for shift in shifts]
    [point] = [point for point in robust_points(groups, covered=0.75) if point.far == 0.01]
    rates = [one.far(point) for one in groups]
    assert max(rates[:3]) < 0.01
    assert rates[3] == pytest.approx(0.01, rel=0.35)  # three of four intervals lie below
    assert rates[4] > 0.01


def test_groups_left_out_say_what_to_expect_elsewhere(rng: np.random.Generator) -> None:
    groups = [group(rng, name, shift=shift) for name, shift in zip("abcde", range(5), strict=True)]
    points = robust_points(groups)
    for before, after in zip(points, judged(points, groups), strict=True):
        assert after.llr == before.llr
        # The corpora differ by standard deviations: what one accepts, the next hardly does.
        assert after.elsewhere_low < before.far < after.elsewhere_high


def test_a_rate_that_few_groups_can_measure_is_not_promised(rng: np.random.Generator) -> None:
    groups = [group(rng, name) for name in "abcd"]
    # 0.1 % of 20,000 are 20, of which ten are enough; the next grid value would be below.
    assert robust_points(groups)[-1].far == 0.001
    with pytest.raises(ConfigError, match="at least 4 corpora"):
        robust_points(groups[:3])


def test_own_recordings_are_needed_for_the_false_rejects(rng: np.random.Generator) -> None:
    one = group(rng, "a")
    strangers = GroupTrials(
        corpus="a",
        condition="clean / clean",
        llrs=one.llrs,
        targets=np.zeros_like(one.targets),
        speech_s=one.speech_s,
        nearness=one.nearness,
    )
    with pytest.raises(ConfigError, match="target trials"):
        robust_points([strangers] * 4)
