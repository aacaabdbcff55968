"""Detectors learn what distinguishes two classes, and nothing from clips without weight."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.spoofing.detectors import DETECTORS, fitted, statistics
from speakersdk.audio.waveform import read_audio

pytestmark = pytest.mark.training
CLIP = Path(__file__).parents[3] / "sdk" / "speakersdk" / "demo_clips" / "slt-probe.flac"
EPOCHS = 60


def test_statistics_do_not_depend_on_the_level() -> None:
    samples = read_audio(CLIP)[:48000]
    found = statistics(samples)
    assert found.shape == (300,)
    assert found.dtype == np.float32
    np.testing.assert_allclose(statistics(np.float32(0.01) * samples), found, atol=1e-3)
    narrow = np.convolve(samples, np.ones(8) / 8, "same").astype(np.float32)
    assert np.abs(statistics(narrow) - found).max() > 1


@pytest.mark.parametrize("detector", DETECTORS)
def test_classes_that_differ_in_one_feature_are_distinguished(detector: str) -> None:
    chance = np.random.default_rng(3)
    attacks = np.arange(400) % 2 == 0
    values = chance.standard_normal((400, 20)).astype(np.float32)
    values[attacks, 7] += 6  # three deviations on both sides of the middle
    scores = fitted(detector, values, attacks, np.ones(400), seed=1, epochs=EPOCHS)(values)
    assert (scores[attacks] > 0).mean() > 0.95
    assert (scores[~attacks] < 0).mean() > 0.95


def test_clips_without_weight_teach_nothing() -> None:
    chance = np.random.default_rng(4)
    values = chance.standard_normal((200, 5)).astype(np.float32)
    attacks = np.arange(200) % 2 == 0
    counted = values[:, 0] > 0
    wrong = np.where(counted, attacks, True)  # clips without weight have the wrong label
    first, second = (
        fitted("regression", values, labels, 1.0 * counted, seed=1, epochs=3)(values)
        for labels in (attacks, wrong)
    )
    assert np.array_equal(first, second)
