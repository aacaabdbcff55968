"""Accuracy at a threshold that was found on other trials.

A distance is no probability and a loss no accuracy: where to cut is fitted on validation trials,
never at 0.5 and never on the trials that are reported.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from speakersdk.metrics import error_rates


def best_threshold(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Threshold of most right decisions, same and different speakers counting the same in sum.

    Args:
        scores: (N,) higher = more alike.
        labels: (N,) true = same speaker.

    Returns:
        the middle between the two scores that it divides; accept from it upwards.
    """
    thresholds, frr, far = error_rates(scores, labels)
    best = int(np.argmin(frr + far))
    if best in (0, len(thresholds) - 1):  # everything, or nothing, is accepted
        return float(thresholds[best])
    return float((thresholds[best - 1] + thresholds[best]) / 2)


def balanced_accuracy(scores: npt.ArrayLike, labels: npt.ArrayLike, threshold: float) -> float:
    """Mean of the shares of right decisions on same and on different speakers; 0.5 by chance."""
    accepted = np.asarray(scores) >= threshold
    targets = np.asarray(labels, bool)
    if accepted.shape != targets.shape or accepted.ndim != 1:
        raise ValueError(
            f"expected scores and labels of one shape (N,), got {accepted.shape} and "
            f"{targets.shape}"
        )
    if targets.all() or not targets.any():
        raise ValueError("expected trials of same and of different speakers")
    return float((accepted[targets].mean() + (~accepted[~targets]).mean()) / 2)
