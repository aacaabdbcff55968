"""The accuracy at a threshold that was fitted on other trials.

A distance is not a probability, and a loss is not an accuracy. The threshold is fitted on
validation trials; it is never 0.5, and never fitted on the reported trials.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from speakersdk.metrics import error_rates


def best_threshold(scores: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Find the threshold with the highest accuracy, with equal weights of both classes.

    Args:
        scores: (N,), higher for more similar.
        labels: (N,), true for the same speaker.

    Returns:
        The middle between the two scores that it separates; scores from it on are accepted.
    """
    thresholds, frr, far = error_rates(scores, labels)
    best = int(np.argmin(frr + far))
    if best in (0, len(thresholds) - 1):  # all trials or none are accepted
        return float(thresholds[best])
    return float((thresholds[best - 1] + thresholds[best]) / 2)


def balanced_accuracy(scores: npt.ArrayLike, labels: npt.ArrayLike, threshold: float) -> float:
    """Return the mean accuracy on same and on different speakers; 0.5 by chance."""
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
