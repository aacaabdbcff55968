"""One channel from several, also where their mean would be silence."""

from __future__ import annotations

import numpy as np
import pytest

from speakersdk.audio.downmix import Downmix

CELL = 512


def mixed(samples: np.ndarray) -> np.ndarray:
    downmix = Downmix()
    return np.concatenate([downmix.push(samples), downmix.finish()])


def speech(rng: np.random.Generator, num: int = 16000) -> np.ndarray:
    return rng.normal(0, 0.1, num).astype(np.float32)


@pytest.mark.parametrize("num", [1, 100, CELL, 16000])
def test_channels_out_of_phase_do_not_cancel_out(num: int, rng: np.random.Generator) -> None:
    left = speech(rng, num)
    np.testing.assert_array_equal(mixed(np.stack([left, -left], axis=1)), left)
    # The louder channel is used, whichever it is.
    np.testing.assert_array_equal(mixed(np.stack([-0.8 * left, left], axis=1)), left)
    silence = np.zeros((3000, 2), np.float32)
    late = np.concatenate([silence, np.stack([left, -left], axis=1)])
    np.testing.assert_array_equal(mixed(late)[3000:][CELL:], left[CELL:])


def test_integers_out_of_phase_do_not_cancel_out(rng: np.random.Generator) -> None:
    left = rng.integers(-9000, 9000, 5000).astype(np.int16)
    expected = (left / 2**15).astype(np.float32)
    np.testing.assert_array_equal(mixed(np.stack([left, -left], axis=1)), expected)


def test_other_channels_are_mixed_by_their_mean(rng: np.random.Generator) -> None:
    left, right = speech(rng), speech(rng)
    for other in (left, right, np.zeros_like(left), -0.5 * left):
        both = np.stack([left, other], axis=1)
        np.testing.assert_allclose(mixed(both), both.mean(axis=1), atol=1e-7)
    # 64 unrelated channels leave 1 / 64 of their power. That is not taken for cancellation.
    many = rng.normal(0, 0.1, (4000, 64))
    np.testing.assert_allclose(mixed(many), many.mean(axis=1), atol=1e-7)


def test_a_pair_of_channels_out_of_phase_among_others(rng: np.random.Generator) -> None:
    left = speech(rng)
    four = np.stack([left, -left, 0.5 * left, -0.5 * left], axis=1)
    np.testing.assert_array_equal(mixed(four), left)


def test_it_follows_a_change(rng: np.random.Generator) -> None:
    left = speech(rng, 160000)
    right = np.concatenate([-left[:80000], left[80000:]])
    result = mixed(np.stack([left, right], axis=1))
    np.testing.assert_allclose(result, left, atol=1e-7)  # the sum is the speech in both cases
