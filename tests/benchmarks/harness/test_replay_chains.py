"""Simulated loudspeakers: resonances raise their band, and the seed changes only the noise."""

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.harness.replay_chains import ReplayChain
from speakersdk.arrays import Waveform

CHAIN = ReplayChain(low_hz=100, high_hz=7000, drive=0, room="kitchen-true-stereo", snr_db=60)


def level_db(samples: Waveform, low_hz: int, high_hz: int) -> float:
    """Power of a band of 1 s of audio, relative to the power at 3 to 6 kHz."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float(10 * np.log10(power[low_hz:high_hz].mean() / power[3000:6000].mean()))


def test_a_resonance_raises_its_band(speech_data: Any) -> None:
    noise = np.random.default_rng(1).standard_normal(16000).astype(np.float32)
    resonant = replace(CHAIN, resonances=((1000.0, 5.0, 12.0),))
    # The peak has 12 dB at 1 kHz and 3 dB less at the edges of its 200 Hz; the mean of 980 to
    # 1020 Hz is within 1 dB of the peak.
    raised = level_db(resonant(noise), 980, 1020) - level_db(CHAIN(noise), 980, 1020)
    assert 11 < raised < 13


def test_the_seed_changes_only_the_noise(speech_data: Any) -> None:
    noise = np.random.default_rng(1).standard_normal(16000).astype(np.float32)
    first, again, other = CHAIN(noise), CHAIN(noise), replace(CHAIN, seed=1)(noise)
    assert np.array_equal(first, again)
    difference = first - other
    assert 0 < difference.std() < 0.01 * first.std()
