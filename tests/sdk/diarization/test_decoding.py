"""The most likely sequence of voices."""

from __future__ import annotations

import itertools
import math
from functools import partial

import numpy as np
import pytest

from speakersdk.diarization.decoding import CHANGE_AT_PAUSE, CHANGE_IN_SPEECH, decode


def total(path: tuple[int, ...], evidence: np.ndarray, pauses: np.ndarray) -> float:
    """Log probability of a sequence, by the definition."""
    value = float(evidence[0, path[0]])
    for hop in range(1, len(path)):
        change = CHANGE_AT_PAUSE if pauses[hop] else CHANGE_IN_SPEECH
        stays = path[hop] == path[hop - 1]
        value += math.log1p(-change) if stays else math.log(change / (evidence.shape[1] - 1))
        value += float(evidence[hop, path[hop]])
    return value


@pytest.mark.parametrize("num_voices", [1, 2, 3])
def test_it_is_the_best_of_all_sequences(rng: np.random.Generator, num_voices: int) -> None:
    evidence = rng.normal(scale=2.0, size=(7, num_voices))
    pauses = rng.random(7) < 0.3
    paths = itertools.product(range(num_voices), repeat=7)
    best = max(paths, key=partial(total, evidence=evidence, pauses=pauses))
    assert decode(evidence, pauses).tolist() == list(best)


def test_a_short_doubt_changes_nothing_and_a_pause_makes_a_change_easy() -> None:
    evidence = np.zeros((20, 2))
    evidence[:, 0] = 1.0
    evidence[10] = [0.0, 3.0]
    assert not decode(evidence, np.zeros(20, np.bool_)).any()
    evidence[10:] = [0.0, 0.5]
    pauses = np.arange(20) == 10
    assert decode(evidence, pauses).tolist() == [0] * 10 + [1] * 10
