"""Clipping: samples that were cut off at full scale, or at another level."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform

_CLIPPED_LEVEL: Final = 0.985
# Samples that were clipped and then attenuated lie at the maximum or minimum of all samples so far.
# Below this peak, clipping cannot be told from the steps of 16-bit samples.
_FLAT_LEVEL: Final = 0.998
_FLAT_PEAK: Final = 0.01
# Float samples exceed full scale if they were never clipped, or if a resampler or a lossy codec
# smoothed a clipped signal. If it was clipped, most samples near full scale or above lie at full
# scale. Measured on the demonstration clips: a share of 0.77 to 1 if clipped, 0.55 if almost
# everything is; amplified 1.2 to 4 times without clipping, 0.07 to 0.58, and at most 0.85 if hardly
# any samples exceed full scale.
_OVERSHOOT: Final = 1.02
_NEAR: Final = (0.97, 1.03)
_CUT_SHARE: Final = 0.75
_CUT_SAMPLES: Final = 0.0015  # of the samples of loud hops; fewer prove nothing
_MANY_SHARE: Final = 0.5
_MANY_SAMPLES: Final = 0.1


class Ceiling:
    """A detector of the levels at which samples are clipped."""

    def __init__(self) -> None:
        self._high, self._low = -math.inf, math.inf  # of all samples so far
        self._num_samples = 0  # of loud hops
        self._num_near = 0  # near full scale
        self._num_above = 0  # near full scale or above

    def cut_share(self, samples: Waveform) -> float:
        """Return the share of clipped samples in the next hop."""
        self._high = max(self._high, float(samples.max()))
        self._low = min(self._low, float(samples.min()))
        magnitudes = np.abs(samples)
        self._count(magnitudes)
        is_cut = np.zeros(len(samples), bool)
        if max(self._high, -self._low) <= _OVERSHOOT or self._ends_at_full_scale:
            is_cut |= magnitudes >= _CLIPPED_LEVEL
        span = (self._high - self._low) / 2
        if span >= _FLAT_PEAK:
            margin = (1 - _FLAT_LEVEL) * span
            is_cut |= (samples >= self._high - margin) | (samples <= self._low + margin)
        return float(np.mean(is_cut))

    def _count(self, magnitudes: Waveform) -> None:
        if magnitudes.max() < _NEAR[0]:
            return
        self._num_samples += len(magnitudes)
        self._num_near += int(np.count_nonzero(are_within(_NEAR, magnitudes)))
        self._num_above += int(np.count_nonzero(magnitudes >= _NEAR[0]))

    @property
    def _ends_at_full_scale(self) -> bool:
        share = self._num_near / max(1, self._num_above)
        samples = self._num_above / max(1, self._num_samples)
        return (share >= _CUT_SHARE and samples >= _CUT_SAMPLES) or (
            share >= _MANY_SHARE and samples >= _MANY_SAMPLES
        )


def are_within(bounds: tuple[float, float], magnitudes: Waveform) -> npt.NDArray[np.bool_]:
    """Return which magnitudes lie within bounds, inclusive."""
    low, high = bounds
    within: npt.NDArray[np.bool_] = (magnitudes >= low) & (magnitudes <= high)
    return within
