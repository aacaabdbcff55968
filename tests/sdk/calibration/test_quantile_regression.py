import numpy as np
import pytest

from speakersdk.calibration.quantile_regression import upper_curve


@pytest.mark.parametrize("num_above", [0, 1, 10, 499])
def test_as_many_lie_above_the_line_as_were_asked_for(
    rng: np.random.Generator, num_above: int
) -> None:
    positions = rng.uniform(-1.0, 2.0, 500)
    values = rng.normal(1.5 * positions, 1.0)
    offset, slope, curve = upper_curve(values, positions, num_above)
    # The curve itself lies on one value, just above it; rounding may count that one or not.
    above = values >= offset + slope * positions + curve * positions**2
    assert abs(np.count_nonzero(above) - num_above) <= 1


def test_the_curve_follows_that_of_the_quantile(rng: np.random.Generator) -> None:
    positions = rng.uniform(0.0, 2.0, 50_000)
    true = 3.0 - 2.0 * positions + 0.5 * positions**2
    offset, slope, curve = upper_curve(true + rng.uniform(0.0, 1.0, 50_000), positions, 5_000)
    # Uniform scatter: the 0.9 quantile lies exactly 0.9 above. Standard errors at this size are
    # below 0.005 within the positions; as much again for the rounding of the loss.
    for position in (0.0, 1.0, 2.0):
        expected = 3.9 - 2.0 * position + 0.5 * position**2
        assert offset + slope * position + curve * position**2 == pytest.approx(expected, abs=0.03)


def test_at_one_position_the_curve_is_a_threshold() -> None:
    offset, slope, curve = upper_curve(np.arange(10.0), np.zeros(10), 3)
    assert (slope, curve) == (0.0, 0.0)
    assert offset == pytest.approx(6.0)
    assert np.count_nonzero(np.arange(10.0) >= offset) == 3
