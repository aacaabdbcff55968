"""Thresholds from groups, and their rates on groups that were left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from speakersdk.calibration.calibration import OperatingPoint
from speakersdk.calibration.cohort import Nearness
from speakersdk.calibration.thresholds import (
    TAIL_FAR,
    GroupTrials,
    judged,
    robust_points,
    tail_level,
)
from speakersdk.errors import ConfigError

NUM_NONTARGETS = 20_000


def group(
    rng: np.random.Generator,
    corpus: str,
    *,
    shift: float = 0.0,
    weight: float = 2.0,
    by_telephone: float = 0.0,
    strangers: int = NUM_NONTARGETS,
) -> GroupTrials:
    """Strangers at N(-5 + shift + weight * excess, 1), own recordings 10 above.

    By telephone, half of the pairs have strangers that are higher by the shift.
    """
    size = strangers + 1000
    targets = np.arange(size) < 1000
    telephone = np.arange(size) % 2 * float(by_telephone != 0)
    nearness = np.column_stack([rng.normal(0, 1, size), rng.uniform(0, 1, size), telephone])
    llrs = rng.normal(-5.0, 1.0, size) + shift + weight * nearness[:, 0] + 10.0 * targets
    llrs += by_telephone * telephone
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
    # The standard error of a slope is far below a tenth with 80,000 strangers of unit spread.
    assert points[0.01].llr_nearness == pytest.approx(2.0, abs=0.15)
    assert points[0.01].llr_gap == pytest.approx(0.0, abs=0.3)
    for one in groups:
        # 200 false accepts are expected in each; four standard deviations are 28 %.
        assert one.far(points[0.01]) == pytest.approx(0.01, rel=0.35)


@pytest.mark.parametrize("size", [1e-2, 3e-6])
def test_the_same_thresholds_follow_nearness_in_any_unit(
    rng: np.random.Generator, size: float
) -> None:
    # Nats grow with the square of the length T of the embeddings.
    groups = [group(rng, name, by_telephone=1.5) for name in "abcd"]
    short = [replace(one, nearness=one.nearness * size) for one in groups]
    for point, other in zip(robust_points(groups), robust_points(short), strict=True):
        assert other.llr == pytest.approx(point.llr, abs=1e-3)
        assert other.frr == pytest.approx(point.frr, abs=2e-3)
        for slope in ("llr_nearness", "llr_gap", "llr_telephone"):
            assert getattr(other, slope) * size == pytest.approx(getattr(point, slope), abs=1e-3)


def test_telephone_on_both_sides_raises_the_threshold(rng: np.random.Generator) -> None:
    groups = [group(rng, name, by_telephone=1.5) for name in "abcd"]
    [point] = [point for point in robust_points(groups, covered=0.5) if point.far == 0.01]
    assert point.llr_telephone == pytest.approx(1.5, abs=0.15)
    slightly = [group(rng, name, by_telephone=0.5) for name in "abcd"]
    [point] = [point for point in robust_points(slightly, covered=0.5) if point.far == 0.01]
    assert point.llr_telephone == pytest.approx(0.5, abs=0.15)
    lower = [group(rng, name, by_telephone=-1.5) for name in "abcd"]
    assert {point.llr_telephone for point in robust_points(lower)} == {0.0}


def test_a_stricter_rate_keeps_the_plane_and_has_a_higher_threshold(
    rng: np.random.Generator,
) -> None:
    # Half of the corpora are too small for the strict rates, and their strangers are higher.
    groups = [
        *(group(rng, name) for name in "abcd"),
        *(group(rng, name, shift=2.0, strangers=2500) for name in "efgh"),
    ]
    points = robust_points(groups, tail_covered=0.9)
    tail = [point for point in points if point.far <= TAIL_FAR]
    assert [point.far for point in tail] == [0.005, 0.002, 0.001]
    assert len({(point.llr_slope, point.llr_curve, point.llr_nearness) for point in tail}) == 1
    levels = [point.llr for point in tail]
    assert levels == sorted(levels)
    # The small corpora count: if only the large ones were used, strangers up to 2 nats higher would
    # pass.
    assert levels[-1] > robust_points(groups[:4], tail_covered=0.9)[-1].llr + 1.0


def test_corpora_too_small_for_strict_rates_do_not_make_a_loose_rate_careful(
    rng: np.random.Generator,
) -> None:
    large = [group(rng, name) for name in "abcd"]
    small = [group(rng, name, shift=4.0, strangers=300) for name in "efgh"]
    points = {point.far: point for point in robust_points(large + small)}
    assert points[0.05].llr < points[0.01].llr


@pytest.mark.parametrize("strangers", [300, 1500])  # 2,000 measure the strictest rate
def test_groups_too_small_for_the_strictest_measured_rate_change_no_threshold(
    rng: np.random.Generator, strangers: int
) -> None:
    large = [group(rng, name) for name in "abcd"]
    small = [group(rng, name, shift=4.0, strangers=strangers) for name in "efgh"]
    found, expected = robust_points(large + small), robust_points(large)
    assert [point.llr for point in found] == [point.llr for point in expected]


def test_a_stricter_rate_never_has_a_lower_threshold(rng: np.random.Generator) -> None:
    # The strangers of one group are higher. All groups count for measured rates, and only the
    # lowest one for extrapolated rates.
    groups = [
        group(rng, name, shift=shift) for name, shift in zip("abcd", [0, 0, 0, 6.0], strict=True)
    ]
    points = {point.far: point for point in robust_points(groups, covered=1.0, tail_covered=0.0)}
    assert points[0.001].llr == points[0.002].llr == points[TAIL_FAR].llr > points[0.05].llr
    # Each measured rate has slopes of its own, and keeps its rate in the group that is higher. The
    # limits of a threshold change it for a few trials.
    slopes = [points[far].llr_slope for far in (0.1, 0.05, 0.02, 0.01, 0.005)]
    assert len(set(slopes)) == 5
    for far in (0.02, 0.01, 0.005):
        assert groups[3].far(points[far]) == pytest.approx(far, rel=0.05)


def test_a_tail_is_an_exponential_above_its_start() -> None:
    # 3 % of 1,010 are 30: the mean of 980 ... 1009 is 15.5 above 979.
    level = tail_level(np.arange(1010.0), 0.001)
    assert level == pytest.approx(979 + 15.5 * np.log(30 / 1.01))
    # Not fewer than 20: the mean of 180 ... 199 is 10.5 above 179.
    assert tail_level(np.arange(200.0), 0.001) == pytest.approx(179 + 10.5 * np.log(100))
    # 30 expected false accepts are counted: 4970 ... 4999.
    assert tail_level(np.arange(5000.0), 0.006) == pytest.approx(4969, abs=1e-6)


def plain(llrs: np.ndarray, *, speech_s: float = 2.0) -> GroupTrials:
    """Strangers with these llrs and 100 own recordings above them, all recorded in one way."""
    size = len(llrs) + 100
    return GroupTrials(
        corpus="plain",
        condition="clean / clean",
        llrs=np.r_[llrs, np.full(100, llrs.max() + 1.0)],
        targets=np.arange(size) >= len(llrs),
        speech_s=np.full(size, speech_s),
        nearness=np.zeros((size, 3)),
    )


def test_a_rate_is_supported_by_ten_expected_false_accepts() -> None:
    assert plain(np.arange(1000.0)).supports(0.01)
    assert not plain(np.arange(999.0)).supports(0.01)


def test_a_measured_threshold_lets_exactly_its_share_pass(rng: np.random.Generator) -> None:
    one = plain(rng.permutation(np.arange(2000.0)))
    points = {point.far: point for point in robust_points([one] * 4)}
    for far in (0.1, 0.05, 0.02, 0.01, 0.005):
        # The threshold is equal to a trial, the first one that must not pass; rounding may let it
        # pass.
        accepted = one.llrs >= points[far].thresholds(one.speech_s, one.nearness) + 1e-6
        assert np.count_nonzero(accepted[~one.targets]) == round(2000 * far)


def test_an_llr_at_the_threshold_is_accepted() -> None:
    point = OperatingPoint(far=0.1, frr=0.0, llr=1.0, llr_slope=0.0, frr_logit=0.0, frr_slope=0.0)
    one = plain(np.array([0.9, 1.0, 1.1]))
    assert one.accepted(point)[:3].tolist() == [False, True, True]
    assert one.far(point) == pytest.approx(2 / 3)


def test_the_limits_are_those_of_the_group_that_reaches_furthest(rng: np.random.Generator) -> None:
    groups = [
        plain(rng.normal(-5, 1, 2000), speech_s=speech_s) for speech_s in (2.0, 3.0, 5.0, 4.0)
    ]
    for at, one in enumerate(groups):
        one.nearness[:, :2] = -0.2 * at, 0.1 * at
    point = robust_points(groups)[0]
    limits = point.longest_s, point.least_excess, point.most_distance
    assert limits == pytest.approx((5.0, -0.6, 0.3))


def test_inputs_are_the_speech_its_square_and_the_nearness(rng: np.random.Generator) -> None:
    one = group(rng, "a", strangers=10)
    log = np.log(one.speech_s)
    assert one.inputs() == pytest.approx(np.column_stack([log, log * log, *one.nearness.T]))


def test_groups_of_any_size_have_equal_weights(rng: np.random.Generator) -> None:
    # Half of the groups are five times as large, and their strangers differ in nearness.
    large = [group(rng, name, weight=0.0, strangers=4000) for name in "abc"]
    small = [group(rng, name, weight=2.0, strangers=800) for name in "def"]
    [point] = [point for point in robust_points([*large, *small]) if point.far == 0.1]
    [reference] = [
        point
        for point in robust_points(
            [*large, *(group(rng, name, weight=2.0, strangers=4000) for name in "def")]
        )
        if point.far == 0.1
    ]
    # As with groups of one size: the standard error of a slope of 2,400 strangers is about 0.1.
    assert point.llr_nearness == pytest.approx(reference.llr_nearness, abs=0.3)


def test_the_false_rejects_follow_the_speech(rng: np.random.Generator) -> None:
    groups = [group(rng, name, weight=0.0) for name in "abcd"]
    # Own recordings are 1 nat above the strangers for 1 s of speech and 7 nats for 8 s.
    groups = [
        replace(one, llrs=one.llrs + one.targets * (3 * np.log(one.speech_s) - 9)) for one in groups
    ]
    [point] = [point for point in robust_points(groups) if point.far == 0.01]
    speech_s = np.concatenate([one.speech_s[one.targets] for one in groups])
    rejected = np.concatenate([~one.accepted(point)[one.targets] for one in groups])
    for low_s, high_s in ((1.0, 2.0), (3.0, 4.0), (6.0, 8.0)):
        here = (speech_s >= low_s) & (speech_s < high_s)
        expected = np.mean([point.frr_at(one_s) for one_s in speech_s[here]])
        # A rate of 500 recordings, four standard deviations, and the line is not exactly straight.
        assert np.mean(rejected[here]) == pytest.approx(expected, abs=0.1)


def test_a_tail_is_extrapolated_beyond_what_can_be_counted(rng: np.random.Generator) -> None:
    values = rng.exponential(2.0, 2000)
    # An exponential tail: 2 ln(1000) = 13.8. Its mean is estimated from 60 values, within an
    # eighth, which is multiplied by ln(0.03 / 0.001) = 3.4: a standard error of 0.9.
    assert tail_level(values, 0.001) == pytest.approx(2 * np.log(1000), abs=2.7)
    assert np.mean(values >= tail_level(values, 0.02)) == pytest.approx(0.02)  # 40 are counted


def test_beyond_what_the_fit_has_seen_its_edge_counts(rng: np.random.Generator) -> None:
    groups = [group(rng, name) for name in "abcd"]
    point = robust_points(groups)[0]
    # Excess is N(0, 1) and distance uniform in every group, speech uniform from 1 to 8 s.
    assert point.least_excess == pytest.approx(-2.33, abs=0.2)
    assert point.most_distance == pytest.approx(0.99, abs=0.02)
    assert point.longest_s == pytest.approx(7.93, abs=0.1)
    edge = Nearness(point.least_excess, 0.5, 0.0)
    assert point.threshold(2.0, Nearness(-9.0, 0.5, 0.0)) == point.threshold(2.0, edge)
    assert point.threshold(60.0) == point.threshold(point.longest_s)


def test_the_threshold_keeps_the_rate_in_most_groups_not_on_the_average(
    rng: np.random.Generator,
) -> None:
    shifts = (0.0, 0.2, 0.4, 0.6, 2.0)
    groups = [group(rng, f"{shift}", shift=shift) for shift in shifts]
    [point] = [point for point in robust_points(groups, covered=0.75) if point.far == 0.01]
    rates = [one.far(point) for one in groups]
    assert max(rates[:3]) < 0.01
    assert rates[3] == pytest.approx(0.01, rel=0.35)  # three of four intervals are below
    assert rates[4] > 0.01


def test_groups_left_out_say_what_to_expect_elsewhere(rng: np.random.Generator) -> None:
    groups = [group(rng, name, shift=shift) for name, shift in zip("abcde", range(5), strict=True)]
    points = robust_points(groups)
    for before, after in zip(points, judged(points, groups), strict=True):
        assert after.llr == before.llr
        # The corpora differ by standard deviations: strangers that one accepts, the next hardly
        # accepts.
        assert after.elsewhere_low < before.far < after.elsewhere_high


def test_rates_elsewhere_are_those_of_left_out_corpora(rng: np.random.Generator) -> None:
    # Corpus a has two conditions. Only four other corpora have enough strangers for 2 %.
    small = [group(rng, "a", shift=shift, strangers=200) for shift in (0.0, 0.5)]
    large = [group(rng, name, shift=0.1 * at, strangers=600) for at, name in enumerate("bcde")]
    every = [*small, *large]
    points = robust_points(every)
    found = {point.far: point for point in judged(points, every)}
    rates = [each.far(robust_points(large)[0]) for each in small]
    for one in large:
        [loose, *_] = robust_points([each for each in every if each is not one])
        rates.append(one.far(loose))
    assert (found[0.1].elsewhere_low, found[0.1].elsewhere_high) == pytest.approx(
        np.quantile(rates, [0.05, 0.95])
    )
    # Without one of b to e no threshold of 2 % is fitted, and a is too small to measure it.
    assert (found[0.02].elsewhere_low, found[0.02].elsewhere_high) == (0.0, 1.0)


def test_a_rate_that_few_groups_can_measure_is_not_promised(rng: np.random.Generator) -> None:
    groups = [group(rng, name) for name in "abcd"]
    # 0.1 % of 20,000 are 20. Ten of them are enough; the next grid value would be below.
    assert robust_points(groups)[-1].far == 0.001
    with pytest.raises(ConfigError, match=r"at least 4 corpora.* got 3"):
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
    # Some groups with them are enough.
    assert robust_points([strangers, strangers, one, one])
