"""Samples that were cut off are told from loud ones; test_levels.py has real speech."""

from __future__ import annotations

import numpy as np
import pytest

from speakersdk.arrays import Waveform
from speakersdk.audio.clipping import Ceiling

HOP_SAMPLES = 1600
WAVE = np.random.default_rng(0).normal(0, 0.3, 10 * HOP_SAMPLES).astype(np.float32)


def cut_share(samples: Waveform) -> float:
    """Return the share in the last hop, after all others."""
    ceiling = Ceiling()
    shares = [ceiling.cut_share(hop) for hop in samples.reshape(-1, HOP_SAMPLES)]
    return shares[-1]


@pytest.mark.parametrize("gain", [1.0, 0.2])
def test_samples_at_a_ceiling_are_counted_at_any_level(gain: float) -> None:
    cut = np.clip(WAVE, -0.6, 0.6) / np.float32(0.6)
    # Beyond two standard deviations lie 4.6 % of the samples, in a hop of 1,600 within 2 %.
    assert cut_share(np.float32(gain) * cut) == pytest.approx(0.046, abs=0.02)


@pytest.mark.parametrize("gain", [0.2, 1.0, 10.0])
def test_a_single_peak_is_not_a_ceiling(gain: float) -> None:
    assert cut_share(np.float32(gain) * WAVE) < 0.005


def test_steps_of_16_bits_are_not_a_ceiling() -> None:
    assert cut_share(np.round(WAVE * 3).astype(np.float32) / np.float32(32768)) == 0
