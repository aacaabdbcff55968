"""Quantile regression: thresholds that a stated number of trials exceeds, whatever their speech.

Source: R. Koenker and G. Bassett, "Regression quantiles", Econometrica 46, 1978.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_REWEIGHTINGS = 60
# Residuals are told apart down to a hundredth of an llr.
_ROUNDING = 0.01


def upper_curve(
    values: npt.NDArray[np.float64], positions: npt.NDArray[np.float64], num_above: int
) -> tuple[float, float, float]:
    """Offset, slope and curve (of the square) with at most `num_above` values on or above.

    By reweighted least squares, then the offset to the exact number.

    Args:
        values, positions: (N,) what lies above, and where along the curve.
        num_above: fewer than N.
    """
    share = num_above / len(values)
    design = np.column_stack([np.ones(len(values)), positions, positions**2])
    weights: npt.NDArray[np.float64] = np.ones(len(values))
    line: npt.NDArray[np.float64] = np.zeros(3)
    for _ in range(_REWEIGHTINGS if np.ptp(positions) > 0 else 0):
        weighed = design * weights[:, np.newaxis]
        # Least squares of least length: few positions leave the curve undetermined.
        found = np.linalg.lstsq(weighed.T @ design, weighed.T @ values, rcond=1e-10)[0]
        line = np.asarray(found, np.float64)
        rest = values - design @ line
        # The pinball loss as a weighted square, rounded off where a value lies on the curve.
        weights = np.where(rest > 0, 1 - share, share) / np.maximum(np.abs(rest), _ROUNDING)
    return (
        upper_offset(values - design[:, 1:] @ line[1:], num_above),
        float(line[1]),
        float(line[2]),
    )


def upper_offset(values: npt.NDArray[np.float64], num_above: int) -> float:
    """The least threshold with at most `num_above` of the (N,) values at or above it."""
    place = len(values) - 1 - num_above
    return float(np.nextafter(np.partition(values, place)[place], np.inf))
