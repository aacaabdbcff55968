"""Conditions of evaluation do what their names say, and the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from speakersdk_training.evaluation.conditions import (
    CONDITIONS,
    add_noise,
    colored_noise,
    in_room,
    noisy,
    telephone,
)

RATE_HZ = 16000


@pytest.fixture
def voice(rng: np.random.Generator) -> np.ndarray:
    """(16000,) harmonics of 150 Hz up to 7 kHz, four syllables."""
    time = np.arange(RATE_HZ) / RATE_HZ
    tones = sum(np.sin(2 * np.pi * 150 * n * time + n) / n for n in range(1, 47))
    return (0.1 * tones * np.sin(4 * np.pi * time) ** 2).astype(np.float32)


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_condition_keeps_length_and_range_and_repeats(name: str, voice: np.ndarray) -> None:
    one, other = (CONDITIONS[name](voice, np.random.default_rng(3)) for _ in range(2))
    assert one.shape == voice.shape
    assert one.dtype == np.float32
    assert np.abs(one).max() <= 1
    np.testing.assert_array_equal(one, other)
    silent = CONDITIONS[name](np.zeros(4000, np.float32), np.random.default_rng(3))
    assert np.isfinite(silent).all()


def band_power(samples: np.ndarray, low_hz: float, high_hz: float) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    return float(power[(frequency >= low_hz) & (frequency < high_hz)].sum())


def test_a_telephone_keeps_the_voice_and_nothing_above_4_khz(
    voice: np.ndarray, rng: np.random.Generator
) -> None:
    changed = telephone(voice, rng)
    assert band_power(changed, 4300, 8000) < 1e-4 * band_power(changed, 0, 4000)
    # GSM models each 20 ms by eight coefficients and a coarse residual: about 10 dB on a steady
    # vowel, and not a copy.
    similarity = np.corrcoef(changed, voice)[0, 1]
    assert 0.8 < similarity < 0.9999
    assert 0.5 < np.std(changed) / np.std(voice) < 1.5


def test_noise_is_pink_and_10_db_below(voice: np.ndarray, rng: np.random.Generator) -> None:
    noise = noisy(voice, rng).astype(np.float64) - voice
    ratio_db = 10 * np.log10(np.sum(voice.astype(np.float64) ** 2) / np.sum(noise**2))
    assert ratio_db == pytest.approx(10, abs=1e-3)
    # Pink noise has the same power in each octave: estimates of 1,000 and more bins, 10 % at most.
    octaves = [band_power(noise, low, 2 * low) for low in (1000, 2000, 4000)]
    assert max(octaves) < 1.3 * min(octaves)


def test_only_active_samples_set_the_level(rng: np.random.Generator) -> None:
    samples = np.zeros(1000, np.float32)
    samples[:100] = 0.1
    active = np.arange(1000) < 100
    noise = colored_noise(1000, exponent=0.0, rng=rng)
    added = add_noise(samples, noise, snr_db=20.0, active=active) - samples
    # 0.1 of speech, 20 dB below it 0.01; float32 of a sum keeps seven digits.
    assert np.sqrt(np.mean(added.astype(np.float64) ** 2)) == pytest.approx(0.01, rel=1e-4)


def test_a_room_reverberates_after_the_direct_sound(rng: np.random.Generator) -> None:
    click = np.zeros(16000, np.float32)
    click[100] = 0.5
    changed = in_room(click, rng).astype(np.float64)
    assert not np.abs(changed[:100]).max() > 1e-6
    assert changed[100] == pytest.approx(0.5, rel=1e-4)
    assert np.abs(changed[101:180]).max() < 1e-6
    late = np.sum(changed[180:] ** 2)
    assert 10 * np.log10(0.25 / late) == pytest.approx(3.0, abs=0.01)
