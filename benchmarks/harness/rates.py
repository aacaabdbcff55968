"""Error rates as benchmarks report them: in percent, with intervals over resampled speakers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from speakersdk.metrics import bootstrap_interval, eer


def percent(flags: Iterable[Any]) -> float:
    """Return the share of true flags in percent, with one digit."""
    return round(100 * float(np.mean(list(flags))), 1)


def eer_rates(
    scores: npt.NDArray[np.float64],
    labels: npt.NDArray[np.bool_],
    speakers: tuple[Sequence[str], Sequence[str]],
    *,
    draws: int = 500,
) -> dict[str, Any]:
    """Compute the EER in percent with its 95 % interval, and count the trials.

    Args:
        scores, labels, speakers: (N,) as for `speakersdk.metrics.bootstrap_interval`.
        draws: number of draws of the interval.
    """
    low, high = bootstrap_interval(
        eer, scores, labels, speakers, rng=np.random.default_rng(1), repeats=draws
    )
    return {
        "eer_percent": round(100 * eer(scores, labels), 2),
        "eer_interval_percent": [round(100 * low, 2), round(100 * high, 2)],
        "target_trials": int(labels.sum()),
        "nontarget_trials": int((~labels).sum()),
    }
