"""Error rates, compared with counts, scikit-learn and the definitions."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from speakersdk.metrics import (
    act_dcf,
    bayes_threshold,
    bootstrap_interval,
    cllr,
    eer,
    error_rates,
    frr_at_far,
    iapmr,
    min_cllr,
    min_dcf,
    speaker_draws,
)
from tests.sdk.evaluation.counted_trials import (
    Row,
    columns,
    counted_eer,
    counted_rates,
    pooled_cllr,
    rows,
)

# A rate is a ratio of counts and a difference from 1, and a crossing is a share of one step: a
# handful of roundings of numbers below 1.
TOLERANCE = 16 * np.finfo(np.float64).eps

COSTS = [(0.5, 1.0, 1.0), (0.05, 1.0, 1.0), (0.01, 10.0, 1.0), (0.9, 1.0, 5.0)]


@given(rows)
def test_rates_are_counts(listed: list[Row]) -> None:
    scores, labels, counts = columns(listed)
    thresholds, frr, far = error_rates(scores, labels, counts)
    assert thresholds.tolist() == [*sorted(set(scores)), math.inf]
    expected = counted_rates(listed)
    np.testing.assert_allclose(frr, [float(rate) for rate, _ in expected], rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(far, [float(rate) for _, rate in expected], rtol=0, atol=TOLERANCE)


@given(rows)
def test_eer_is_the_exact_crossing(listed: list[Row]) -> None:
    assert eer(*columns(listed)) == pytest.approx(counted_eer(listed), abs=TOLERANCE)


@given(rows, st.sampled_from(COSTS))
def test_min_dcf_is_the_least_of_all_thresholds(
    listed: list[Row], costs: tuple[float, float, float]
) -> None:
    scores, labels, counts = columns(listed)
    p, c_miss, c_fa = costs
    cheapest = min(
        c_miss * p * float(frr) + c_fa * (1 - p) * float(far) for frr, far in counted_rates(listed)
    )
    trivial = min(c_miss * p, c_fa * (1 - p))
    got = min_dcf(scores, labels, p_target=p, c_miss=c_miss, c_fa=c_fa, weights=counts)
    # Division by a small trivial cost makes the roundings larger.
    assert got == pytest.approx(cheapest / trivial, abs=TOLERANCE * (c_miss + c_fa) / trivial)
    assert 0 <= got <= 1 + TOLERANCE


@given(rows, st.sampled_from([0.0, 0.01, 0.1, 0.25, 0.5, 1.0]))
def test_frr_at_far_is_the_least_that_keeps_the_rate(listed: list[Row], far: float) -> None:
    scores, labels, counts = columns(listed)
    kept = [frr for frr, rate in counted_rates(listed) if rate <= Fraction(far)]
    got = frr_at_far(scores, labels, far=far, weights=counts)
    assert got == pytest.approx(float(min(kept)), abs=TOLERANCE)


@given(rows, st.sampled_from(COSTS))
def test_act_dcf_decides_by_expected_cost(
    listed: list[Row], costs: tuple[float, float, float]
) -> None:
    scores, labels, counts = columns(listed)
    p, c_miss, c_fa = costs
    # Costs may differ by a rounding where an llr equals the threshold; 0.5 and 1 : 1 is exact.
    assume(p == 0.5 or bayes_threshold(p_target=p, c_miss=c_miss, c_fa=c_fa) not in scores)
    wrong = {True: 0.0, False: 0.0}
    for llr, label, count in listed:
        odds = math.exp(llr) * p / (1 - p)
        accepted = odds * c_miss >= c_fa
        wrong[label] += count * (accepted != label)
    frr, far = wrong[True] / counts[labels].sum(), wrong[False] / counts[~labels].sum()
    trivial = min(c_miss * p, c_fa * (1 - p))
    expected = (c_miss * p * frr + c_fa * (1 - p) * far) / trivial
    got = act_dcf(scores, labels, p_target=p, c_miss=c_miss, c_fa=c_fa, weights=counts)
    assert got == pytest.approx(expected, abs=TOLERANCE * (c_miss + c_fa) / trivial)
    least = min_dcf(scores, labels, p_target=p, c_miss=c_miss, c_fa=c_fa, weights=counts)
    assert got >= least - TOLERANCE * (c_miss + c_fa) / trivial


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("p_target", 0.0), ("p_target", 1.0), ("c_fa", 0.0), ("c_fa", math.inf)]
    + [("c_miss", value) for value in (0.0, math.inf, math.nan)],
)
def test_a_threshold_needs_a_prior_and_costs(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match="expected a prior between 0 and 1 and costs above 0"):
        bayes_threshold(**{"p_target": 0.5, name: wrong})


def test_costs_are_equal_by_default() -> None:
    assert bayes_threshold(p_target=0.5) == 0.0
    assert bayes_threshold(p_target=0.5, c_fa=2.0) == pytest.approx(math.log(2))
    assert bayes_threshold(p_target=0.5, c_miss=2.0) == pytest.approx(-math.log(2))
    # With the double of one cost the threshold passes one of these llrs, and its trial is wrong.
    assert act_dcf([0.5, -0.5], [True, False], p_target=0.5) == 0.0
    assert act_dcf([0.5, -0.5], [True, False], p_target=0.5, c_miss=2.0) == 1.0
    assert act_dcf([0.5, -0.5], [True, False], p_target=0.5, c_fa=2.0) == 1.0


@given(rows)
def test_min_cllr_pools_adjacent_violators(listed: list[Row]) -> None:
    scores, labels, counts = columns(listed)
    got = min_cllr(scores, labels, counts)
    # A logarithm multiplies the rounding of a share by at most 1 / share; about 10 blocks of it.
    assert got == pytest.approx(pooled_cllr(listed), abs=10 * TOLERANCE)
    assert got <= cllr(scores, labels, counts) + 10 * TOLERANCE


def test_min_cllr_is_that_of_isotonic_regression(rng: np.random.Generator) -> None:
    isotonic = pytest.importorskip("sklearn.isotonic")
    labels = rng.random(3000) < 0.2
    scores = np.round(rng.standard_normal(3000) + 2 * labels, 3)
    share = isotonic.IsotonicRegression(y_min=0, y_max=1).fit_transform(scores, labels)
    inside = (share > 0) & (share < 1)
    prior = labels.mean()
    llrs = np.where(share > 0.5, 1e3, -1e3)
    llrs[inside] = np.log(share[inside] / (1 - share[inside])) - np.log(prior / (1 - prior))
    assert min_cllr(scores, labels) == pytest.approx(cllr(llrs, labels), rel=1e-9)


def test_min_cllr_depends_only_on_the_order_and_terminates() -> None:
    labels = [False, False, True, True]
    assert min_cllr([1, 2, 3, 4], labels) == 0.0
    assert min_cllr([4, 3, 2, 1], labels) == 1.0  # the best rising map is constant
    assert min_cllr([7, 7, 7, 7], labels) == 1.0


@given(rows, st.sampled_from([eer, cllr, min_cllr, partial(min_dcf, p_target=0.1)]))
def test_a_weight_is_a_repetition(listed: list[Row], metric: Any) -> None:
    scores, labels, counts = columns(listed)
    repeated = np.repeat(np.arange(len(listed)), counts.astype(int))
    expected = metric(scores[repeated], labels[repeated])
    assert metric(scores, labels, weights=counts) == pytest.approx(expected, abs=1e-12)


@given(rows)
def test_eer_depends_only_on_the_order_and_is_symmetric(listed: list[Row]) -> None:
    scores, labels, counts = columns(listed)
    expected = pytest.approx(eer(scores, labels, counts), abs=TOLERANCE)
    assert eer(np.exp(scores), labels, counts) == expected
    assert eer(-scores, ~labels, counts) == expected


@pytest.mark.parametrize("distance", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("decimals", [1, 12], ids=["ties", "no ties"])
def test_scikit_learn_agrees(rng: np.random.Generator, distance: float, decimals: int) -> None:
    roc_curve = pytest.importorskip("sklearn.metrics").roc_curve
    labels = rng.random(3000) < 0.2
    scores = np.round(rng.standard_normal(3000) + distance * labels, decimals)
    far, hits, _ = roc_curve(labels, scores, drop_intermediate=False)
    frr = 1 - hits
    # Along the curve, far - frr rises from -1 to 1 without plateaus; both are linear between
    # points.
    crossing = np.interp(0, far - frr, far)
    assert eer(scores, labels) == pytest.approx(crossing, abs=TOLERANCE)
    for p in (0.01, 0.05):
        expected = (p * frr + (1 - p) * far).min() / min(p, 1 - p)
        got = min_dcf(scores, labels, p_target=p)
        assert got == pytest.approx(expected, abs=TOLERANCE / p)


def test_examples_counted_by_hand() -> None:
    labels = [True, True, True, False, False, False]
    # At 0.6, one target of three is below, and one nontarget of three is at or above.
    assert eer([0.2, 0.6, 0.8, 0.1, 0.4, 0.7], labels) == pytest.approx(1 / 3, abs=TOLERANCE)
    # All are tied: either all are accepted or none; the line between the two crosses at one half.
    assert eer([5, 5], [True, False]) == 0.5
    # From (frr, far) = (0, 1/2) at 2 to (1/2, 0) at 3: halfway.
    assert eer([2, 3, 1, 2], [True, True, False, False]) == 0.25


def test_perfect_and_reversed_scores() -> None:
    labels = [False, False, True, True]
    for scores, expected in (([-1e308] * 2 + [1e308] * 2, 0.0), ([4, 3, 2, 1], 1.0)):
        assert eer(scores, labels) == expected
        # Rejecting everybody always has the trivial cost.
        assert min_dcf(scores, labels, p_target=0.01) == expected


def test_gaussian_scores_have_the_rate_of_the_formula(rng: np.random.Generator) -> None:
    """Unit Gaussians d apart: EER = Phi(-d / 2), here 15.87 %."""
    labels = np.arange(40_000) % 2 == 0
    scores = rng.standard_normal(40_000) + 2.0 * labels
    # Five standard deviations of a rate of 20,000 trials.
    deviation = math.sqrt(0.1587 * 0.8413 / 20_000)
    assert eer(scores, labels) == pytest.approx(0.1587, abs=5 * deviation)


def test_cllr_of_no_and_of_full_information() -> None:
    labels = [True, True, False, False, False]
    assert cllr(np.zeros(5), labels) == 1.0
    assert cllr(np.where(labels, 1e4, -1e4), labels) == 0
    # Confident and wrong: 1e4 nats each.
    assert cllr(np.where(labels, -1e4, 1e4), labels) == pytest.approx(1e4 / math.log(2))


def test_cllr_follows_its_definition(rng: np.random.Generator) -> None:
    labels = np.arange(50) < 12
    llrs = 3 * rng.standard_normal(50)
    miss = [math.log2(1 + math.exp(-llr)) for llr in llrs[labels]]
    accept = [math.log2(1 + math.exp(llr)) for llr in llrs[~labels]]
    expected = (sum(miss) / 12 + sum(accept) / 38) / 2
    assert cllr(llrs, labels) == pytest.approx(expected, rel=1e-13)


def test_cllr_is_least_for_calibrated_ratios(rng: np.random.Generator) -> None:
    """Gaussians at plus and minus d^2 / 2 with deviation d are their own llrs."""
    labels = np.arange(20_000) % 2 == 0
    llrs = np.where(labels, 2.0, -2.0) + 2 * rng.standard_normal(20_000)
    calibrated = cllr(llrs, labels)
    for slope, offset in ((0.5, 0), (2, 0), (1, 1), (1, -1)):
        assert cllr(slope * llrs + offset, labels) > calibrated


@pytest.mark.parametrize(
    ("scores", "labels", "weights", "message"),
    [
        ([1, 2], [True], None, r"of one shape \(N,\), got \(2,\), \(1,\) and \(2,\)"),
        ([1, 2], [True, False], [1.0], r"of one shape \(N,\)"),
        ([[1, 2]], [[True, False]], None, r"of one shape \(N,\)"),
        ([1, math.nan], [True, False], None, "expected finite scores"),
        ([1, math.inf], [True, False], None, "expected finite scores"),
        ([1, 2], [True, True], None, "at least one target and one nontarget"),
        ([1, 2], [-1, 1], None, "at least one target and one nontarget"),  # labels of -1 are true
        ([1, 2], [True, False], [1.0, 0.0], "at least one target and one nontarget"),
        ([1, 2], [True, False], [0.0, 1.0], "at least one target and one nontarget"),
        ([], [], None, "at least one target and one nontarget"),
    ],
)
@pytest.mark.parametrize(
    "metric", [eer, cllr, min_cllr, partial(min_dcf, p_target=0.1), partial(frr_at_far, far=0.1)]
)
def test_what_cannot_be_measured_is_refused(
    metric: Any, scores: Any, labels: Any, weights: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        metric(scores, labels, weights=weights)


Clustered = tuple[npt.NDArray[Any], npt.NDArray[Any], tuple[list[str], list[str]]]


@pytest.fixture
def clustered(rng: np.random.Generator) -> Clustered:
    """20 speakers, 50 target and 100 nontarget trials each; some speakers are hard to recognize."""
    ease = 1.5 * rng.standard_normal(20)
    targets = [(speaker, speaker) for speaker in range(20) for _ in range(50)]
    others = [
        (speaker, int(rng.integers(1, 20) + speaker) % 20)
        for speaker in range(20)
        for _ in range(100)
    ]
    pairs = np.array(targets + others)
    labels = pairs[:, 0] == pairs[:, 1]
    scores = rng.standard_normal(len(pairs)) + labels * (2 + ease[pairs[:, 0]])
    return scores, labels, ([str(one) for one in pairs[:, 0]], [str(two) for two in pairs[:, 1]])


def test_interval_contains_the_estimate_and_is_wider_than_that_of_trials(
    clustered: Clustered, rng: np.random.Generator
) -> None:
    scores, labels, speakers = clustered
    low, high = bootstrap_interval(eer, scores, labels, speakers, rng=rng, repeats=300)
    assert low < eer(scores, labels) < high
    count = len(scores)
    drawn = [
        eer(scores, labels, rng.multinomial(count, np.full(count, 1 / count)).astype(float))
        for _ in range(300)
    ]
    narrow_low, narrow_high = np.quantile(drawn, [0.025, 0.975])
    # 1,000 target trials of 20 speakers who differ by more than the scatter of a score: about as
    # good as 20 to 100 independent ones. The interval is therefore at least three times as wide.
    assert high - low > 3 * (narrow_high - narrow_low)


def test_a_trial_counts_by_the_draws_of_its_speakers() -> None:
    """The weights that the metric receives, written out for three speakers."""
    labels = [True, True, True, False, False]
    speakers = (["a", "b", "c", "a", "b"], ["a", "b", "c", "b", "c"])
    seen = []

    def metric(scores: Any, labels: Any, weights: Any) -> float:
        seen.append(weights)
        return float(weights[0])

    low, high = bootstrap_interval(
        metric, np.zeros(5), labels, speakers, rng=np.random.default_rng(1), repeats=200
    )
    for weights in seen:
        a, b, c = weights[:3]
        assert a + b + c == 3  # as many speakers as there are, drawn with replacement
        assert weights[3:].tolist() == [a * b, b * c]
        assert a * b + b * c > 0  # draws without any nontarget trial have no rate
    assert len(seen) < 200
    assert (low, high) == (0, 2)  # only a, three times, would leave no nontarget trial


def test_draws_have_trials_of_both_kinds() -> None:
    rng = np.random.default_rng(1)
    draws = speaker_draws([True, False], (["c", "a"], ["c", "b"]), rng=rng, repeats=200)
    # Of three draws, one is of each speaker. Without any of them, one kind of trials is missing.
    kept = [weights.tolist() for weights in draws]
    assert len(kept) > 20
    assert all(weights == [1.0, 1.0] for weights in kept)


def test_the_interval_has_the_quantiles_of_500_draws(clustered: Clustered) -> None:
    values: list[float] = []

    def metric(scores: Any, labels: Any, weights: Any) -> float:
        values.append(float(weights @ scores))
        return values[-1]

    rng = np.random.default_rng(1)
    found = bootstrap_interval(metric, *clustered, rng=rng, coverage=0.3)
    assert len(values) == 500
    assert found == pytest.approx(np.quantile(values, [0.35, 0.65]))


def test_coverage_widens_and_the_generator_repeats(clustered: Clustered) -> None:
    def interval(seed: int = 3, **options: Any) -> tuple[float, float]:
        rng = np.random.default_rng(seed)
        return bootstrap_interval(eer, *clustered, rng=rng, repeats=60, **options)

    narrow, wide = interval(coverage=0.5), interval(coverage=0.95)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    assert interval() == interval()
    assert interval() != interval(seed=4)


def test_other_metrics_are_wrapped(clustered: Clustered, rng: np.random.Generator) -> None:
    scores, labels, _ = clustered

    def cost(scores: Any, labels: Any, weights: Any = None) -> float:
        return min_dcf(scores, labels, p_target=0.05, weights=weights)

    low, high = bootstrap_interval(cost, *clustered, rng=rng, repeats=60)
    assert low < cost(scores, labels) < high


def test_speakers_must_match_the_trials(clustered: Clustered, rng: np.random.Generator) -> None:
    scores, labels, speakers = clustered
    for wrong in ((speakers[0][1:], speakers[1][1:]), (speakers[0], ["1"]), (["1"], ["1"])):
        with pytest.raises(ValueError, match="the two speakers of each of 3000 trials, got"):
            bootstrap_interval(eer, scores, labels, wrong, rng=rng)


def test_without_a_usable_draw_there_is_no_interval(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="draws with both kinds of trials, got none"):
        bootstrap_interval(eer, [1, 0], [True, False], (["a", "a"], ["a", "b"]), rng=rng, repeats=0)


@pytest.mark.parametrize("options", [{}, {"coverage": 0.5}])
@pytest.mark.parametrize(("passed", "total"), [(0, 1), (1, 1), (9, 60), (60, 60), (99, 100_000)])
def test_iapmr_has_the_exact_interval(passed: int, total: int, options: Any) -> None:
    beta = pytest.importorskip("scipy.stats").beta.ppf  # its quantiles are the ends
    rate, *ends = iapmr(np.arange(total) < passed, **options)
    tail = (1 - options.get("coverage", 0.95)) / 2
    low = beta(tail, passed, total - passed + 1) if passed else 0
    high = beta(1 - tail, passed + 1, total - passed) if passed < total else 1
    assert rate == passed / total
    assert ends == pytest.approx([low, high], abs=1e-12)
    assert ends[0] <= rate <= ends[1]  # exactly: the ends reach rates of 0 and 1


@pytest.mark.parametrize(
    ("accepted", "coverage"), [([], 0.95), ([[True]], 0.95), ([True], 0), ([True], 1)]
)
def test_iapmr_needs_attempts_and_a_coverage(accepted: Any, coverage: float) -> None:
    with pytest.raises(
        ValueError, match=r"expected (attempts \(N,\), at least|a coverage between)"
    ):
        iapmr(accepted, coverage=coverage)
