"""Replays have the band of their loudspeaker, and training and evaluation use other rooms."""

from typing import Any

import numpy as np

from benchmarks.spoofing.loudspeakers import LOUDSPEAKERS, rooms, spoken_live
from speakersdk.audio.waveform import read_audio
from tests.benchmarks.spoofing.test_detectors import CLIP


def test_rooms_of_training_and_evaluation_are_disjoint(speech_data: Any) -> None:
    training, evaluation = (set(rooms(evaluation=flag)) for flag in (False, True))
    assert training
    assert evaluation
    assert not training & evaluation


def test_replays_are_repeatable_and_narrow(speech_data: Any) -> None:
    samples = read_audio(CLIP)[:32000]
    names = rooms(evaluation=False)

    def above_5_khz(replayed: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(replayed)) ** 2
        return float(power[len(power) * 5 // 8 :].sum() / power.sum())

    for loudspeaker in LOUDSPEAKERS.values():
        first, again, other = (
            loudspeaker.replayed(samples, names, np.random.default_rng(seed)) for seed in (1, 1, 2)
        )
        assert len(first) == len(samples)
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)
    # Microphone noise is at most -10 dB, and three eighths of it are above 5 kHz.
    telephone = LOUDSPEAKERS["hands-free telephone"]
    for seed in range(5):
        chance = np.random.default_rng(seed)
        assert above_5_khz(telephone.replayed(samples, names, chance)) < 0.05
        assert len(spoken_live(samples, names, chance)) == len(samples)
