import math

import numpy as np
import pytest

from speakersdk.calibration.regression import (
    GaussianPrior,
    logistic_weights,
    posterior_weights,
    rate_line,
    upper_curve,
    upper_slopes,
)

SHIPPED = GaussianPrior(means=(0.0, 1.0), deviations=(1.0, 0.25))


def trials(
    rng: np.random.Generator, size: int, *, offset: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw inputs that differ by `offset` from an llr: normal, variance d, means +-d/2, d = 4."""
    targets = np.arange(size) % 2 == 0
    return rng.normal(np.where(targets, 2.0, -2.0) - offset, 2.0)[:, np.newaxis], targets


def test_the_weights_make_an_llr_for_any_weights_of_the_classes(rng: np.random.Generator) -> None:
    inputs, targets = trials(rng, 40_000, offset=1.5)
    kept = targets | (rng.random(len(targets)) < 0.2)
    for prior in (0.5, 0.1):
        # Standard error of a weight: about 2 / sqrt(24000) = 0.013; five of them.
        assert logistic_weights(inputs[kept], targets[kept], prior) == pytest.approx(
            (1.5, 1.0), abs=0.07
        )


def test_separable_data_and_constant_inputs_stay_finite(rng: np.random.Generator) -> None:
    inputs = np.column_stack([np.r_[-np.ones(5), np.ones(5)], np.full(10, 7.0), np.zeros(10)])
    offset, slope, *constant = logistic_weights(inputs, inputs[:, 0] > 0, 0.5)
    assert np.isfinite([offset, slope]).all()
    assert slope > 1
    assert constant == pytest.approx([0.0, 0.0], abs=1e-9)


@pytest.mark.parametrize("value", [1.06, 1e4])
def test_an_input_that_varies_only_by_rounding_has_no_weight(
    rng: np.random.Generator, value: float
) -> None:
    inputs, targets = trials(rng, 1000)
    constant = np.full(1000, value)
    constant[::3] = np.nextafter(value, np.inf)
    weights = logistic_weights(np.column_stack([inputs, constant]), targets, 0.5)
    assert abs(weights[2]) * value < 1.0


def test_little_data_moves_little_and_much_moves_all_the_way(rng: np.random.Generator) -> None:
    inputs, targets = trials(rng, 4000, offset=2.0)

    def offset(num_independent: float) -> float:
        return posterior_weights(
            inputs, targets, 0.5, known=SHIPPED, num_independent=num_independent
        )[0]

    moved = [offset(count) for count in (0.01, 1.0, 10.0, 100.0, 1e6)]
    assert moved == sorted(moved)
    assert moved[0] < 0.01
    assert 0.1 < moved[2] < 1.5
    assert moved[-1] == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize("prior", [0.5, 0.1])
def test_the_posterior_weights_are_the_best_ones(rng: np.random.Generator, prior: float) -> None:
    inputs, targets = trials(rng, 300, offset=1.0)
    known = GaussianPrior(means=(0.5, 1.5), deviations=(0.4, 0.2))
    found = np.array(posterior_weights(inputs, targets, prior, known=known, num_independent=30))

    def cost(weights: np.ndarray) -> float:
        """The negative log posterior of 30 observations, with the weights of Brummer, chapter 7."""
        margins = weights[0] + weights[1] * inputs[:, 0] + math.log(prior / (1 - prior))
        miss = np.logaddexp(0, -margins[targets]).mean()
        accept = np.logaddexp(0, margins[~targets]).mean()
        away = (weights - known.means) / known.deviations
        return float(30 * (prior * miss + (1 - prior) * accept) + (away**2).sum() / 2)

    for step in (1e-3, -1e-3):
        for which in range(2):
            assert cost(found) < cost(found + step * (np.arange(2) == which))


def test_a_narrow_prior_holds_the_weights(rng: np.random.Generator) -> None:
    inputs, targets = trials(rng, 400, offset=2.0)
    known = GaussianPrior(means=(0.5, 1.2), deviations=(1e-4, 1e-4))
    weights = posterior_weights(inputs, targets, 0.5, known=known, num_independent=400)
    assert weights == pytest.approx((0.5, 1.2), abs=1e-3)


def test_weights_agree_with_a_second_implementation(rng: np.random.Generator) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    targets = np.repeat([True, False], [200, 900])
    inputs = rng.normal(targets[:, np.newaxis] * [1.0, -0.5], 1.0) * [3.0, 0.2] + [5.0, -1.0]
    counts = rng.uniform(0.5, 2.0, 1100)
    share = np.where(targets, 0.2 / counts[targets].sum(), 0.8 / counts[~targets].sum())
    reference = linear_model.LogisticRegression(
        C=1e8, solver="newton-cholesky", tol=1e-12, max_iter=1000
    ).fit(inputs, targets, sample_weight=counts * share * 1100)
    offset, *weights = logistic_weights(inputs, targets, 0.2, counts=counts)
    # Our ridge of 1e-3, relative to a curvature of 50 or more (the inputs are standardized and
    # hardly correlated): 2e-5 of the weights.
    np.testing.assert_allclose(weights, reference.coef_[0], rtol=1e-4)
    # An llr is the log-odds without those of the prior.
    expected = reference.intercept_[0] - math.log(0.2 / 0.8)
    np.testing.assert_allclose(offset, expected, rtol=2e-4)


def test_the_rate_line_finds_the_log_odds(rng: np.random.Generator) -> None:
    positions = rng.uniform(-1.0, 1.0, 100_000)
    happened = rng.uniform(size=100_000) < 1 / (1 + np.exp(2.0 + 1.5 * positions))
    # Standard errors at this size: 0.011 and 0.018.
    assert rate_line(happened, positions) == pytest.approx((-2.0, -1.5), abs=0.08)


@pytest.mark.parametrize("happened", [True, False])
def test_what_always_or_never_happened_has_finite_odds(happened: bool) -> None:
    log_odds, slope = rate_line(np.full(20, happened), np.linspace(0, 1, 20))
    assert slope == 0.0
    assert abs(log_odds) == pytest.approx(math.log(20.5 / 0.5))
    assert (log_odds > 0) is happened


@pytest.mark.parametrize("happened", [True, False])
def test_what_happened_once_has_a_slope(happened: bool) -> None:
    positions = np.linspace(0, 1, 20)
    _, slope = rate_line((positions == 1.0) == happened, positions)
    assert slope > 1 if happened else slope < -1


@pytest.mark.parametrize("num_above", [0, 1, 10, 499])
def test_as_many_are_above_the_line_as_requested(rng: np.random.Generator, num_above: int) -> None:
    positions = rng.uniform(-1.0, 2.0, 500)
    values = rng.normal(1.5 * positions, 1.0)
    offset, slope, curve = upper_curve(values, positions, num_above)
    # The curve goes through one value, just above it; rounding may include it or not.
    above = values >= offset + slope * positions + curve * positions**2
    assert abs(np.count_nonzero(above) - num_above) <= 1


def test_the_curve_follows_that_of_the_quantile(rng: np.random.Generator) -> None:
    positions = rng.uniform(0.0, 2.0, 50_000)
    true = 3.0 - 2.0 * positions + 0.5 * positions**2
    offset, slope, curve = upper_curve(true + rng.uniform(0.0, 1.0, 50_000), positions, 5_000)
    # Uniform scatter: the 0.9 quantile is exactly 0.9 above. Standard errors at this size are below
    # 0.005 within the positions; as much again for the rounding of the loss.
    for position in (0.0, 1.0, 2.0):
        expected = 3.9 - 2.0 * position + 0.5 * position**2
        assert offset + slope * position + curve * position**2 == pytest.approx(expected, abs=0.03)


def test_the_slopes_are_those_of_the_requested_share(rng: np.random.Generator) -> None:
    inputs = rng.uniform(0.0, 0.9, (50_000, 1))
    values = (1 + inputs[:, 0]) * rng.uniform(0.0, 1.0, 50_000)
    # Uniform between 0 and 1 + x: a share of s is above (1 - s)(1 + x). Standard error: 0.02.
    for share in (0.2, 0.5):
        assert upper_slopes(values, inputs, share)[0] == pytest.approx(1 - share, abs=0.06)
    offset, slope, curve = upper_curve(values, inputs[:, 0], 25_000)
    for position in (0.0, 0.45, 0.9):
        expected = 0.5 * (1 + position)
        assert offset + (slope + curve * position) * position == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("position", [0.0, 0.7])
def test_at_one_position_the_curve_is_a_threshold(position: float) -> None:
    offset, slope, curve = upper_curve(np.arange(10.0), np.full(10, position), 3)
    assert (slope, curve) == (0.0, 0.0)
    assert offset == pytest.approx(6.0)
    assert np.count_nonzero(np.arange(10.0) >= offset) == 3
