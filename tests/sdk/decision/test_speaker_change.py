import numpy as np
import pytest

from speakersdk.decision.one_voice import OTHER_VOICE_LLR
from speakersdk.decision.speaker_change import SpeakerChange

DIM, HOPS = 8, 4


def calibrate(score: float, before_s: float, recent_s: float) -> float:
    return 3.0 + 10.0 * score


@pytest.fixture
def voices(rng: np.random.Generator) -> np.ndarray:
    values = rng.normal(size=(2, DIM))
    return (values * 4 / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def test_another_voice_is_noticed_and_the_same_one_is_not(voices: np.ndarray) -> None:
    change = SpeakerChange(DIM, recent_hops=HOPS, recent_s=1.4, calibrate=calibrate)
    changes = [change.update(voices[0], voices[0], speech_s=0.5 * hop) for hop in range(20)]
    assert not any(changes)
    assert change.llr == pytest.approx(3.0, abs=1e-4)
    assert change.update(voices[1], voices[0], speech_s=10.0)
    assert change.llr is not None
    assert change.llr <= OTHER_VOICE_LLR


def test_recent_speech_is_held_against_what_came_before_it(voices: np.ndarray) -> None:
    change = SpeakerChange(DIM, recent_hops=HOPS, recent_s=1.4, calibrate=calibrate)
    for hop in range(6):
        change.update(voices[0], voices[0], speech_s=2.0 + hop)
    # From here on "so far" is the other voice: the comparison reaches it HOPS hops later.
    changes = [change.update(voices[1], voices[1], speech_s=9.0) for _ in range(HOPS + 1)]
    assert changes == [True] * HOPS + [False]


def test_too_little_earlier_speech_is_not_a_change(voices: np.ndarray) -> None:
    change = SpeakerChange(DIM, recent_hops=HOPS, recent_s=1.4, calibrate=calibrate)
    for _ in range(HOPS):
        change.update(voices[0], voices[0], speech_s=1.4)
    assert not change.update(voices[1], voices[1], speech_s=1.8)
    assert change.llr is None


def test_restart_drops_the_voice(voices: np.ndarray) -> None:
    change = SpeakerChange(DIM, recent_hops=HOPS, recent_s=1.4, calibrate=calibrate)
    for _ in range(10):
        change.update(voices[0], voices[0], speech_s=5.0)
    change.restart()
    assert not change.update(voices[1], voices[1], speech_s=5.0)


@pytest.mark.parametrize(("accepted_llr", "expected"), [(None, False), (3.0, False), (-9.0, True)])
def test_the_voiceprint_of_the_accepted_speaker_weighs_as_much_as_the_speech_before(
    voices: np.ndarray, accepted_llr: float | None, expected: bool
) -> None:
    change = SpeakerChange(DIM, recent_hops=HOPS, recent_s=1.4, calibrate=calibrate)
    for _ in range(10):
        change.update(voices[0], voices[0], speech_s=5.0)
    changes = change.update(voices[0], voices[0], speech_s=5.0, accepted_llr=accepted_llr)
    assert changes is expected
    mean = 3.0 if accepted_llr is None else (3.0 + accepted_llr) / 2
    assert change.llr == pytest.approx(mean, abs=1e-4)
