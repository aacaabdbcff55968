import numpy as np
import pytest

from speakersdk.logistic_regression import GaussianPrior, logistic_weights, posterior_weights

SHIPPED = GaussianPrior(means=(0.0, 1.0), deviations=(1.0, 0.25))


def trials(
    rng: np.random.Generator, size: int, *, offset: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs that are off by `offset` from an llr: normal, variance d, means +-d/2, d = 4."""
    targets = np.arange(size) % 2 == 0
    return rng.normal(np.where(targets, 2.0, -2.0) - offset, 2.0)[:, np.newaxis], targets


def test_the_weights_make_an_llr_whatever_the_classes_weigh(rng: np.random.Generator) -> None:
    inputs, targets = trials(rng, 40_000, offset=1.5)
    kept = targets | (rng.random(len(targets)) < 0.2)
    for prior in (0.5, 0.1):
        # Standard error of a weight: about 2 / sqrt(24000) = 0.013; five of them.
        assert logistic_weights(inputs[kept], targets[kept], prior) == pytest.approx(
            (1.5, 1.0), abs=0.07
        )


def test_separable_data_and_constant_inputs_stay_finite(rng: np.random.Generator) -> None:
    inputs = np.column_stack([np.r_[-np.ones(5), np.ones(5)], np.full(10, 7.0)])
    offset, slope, constant = logistic_weights(inputs, inputs[:, 0] > 0, 0.5)
    assert np.isfinite([offset, slope]).all()
    assert slope > 1
    assert constant == pytest.approx(0.0, abs=1e-9)


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


def test_a_narrow_prior_holds_the_weights(rng: np.random.Generator) -> None:
    inputs, targets = trials(rng, 400, offset=2.0)
    known = GaussianPrior(means=(0.5, 1.2), deviations=(1e-4, 1e-4))
    weights = posterior_weights(inputs, targets, 0.5, known=known, num_independent=400)
    assert weights == pytest.approx((0.5, 1.2), abs=1e-3)
