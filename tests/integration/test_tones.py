"""Tones, hum and signals of the telephone network are no_speech."""

from __future__ import annotations

import numpy as np
import pytest

from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.decision.outcome import Verdict
from speakersdk.demo_clips import FOLDER
from speakersdk.errors import EnrollmentError
from speakersdk.verifier import Verifier

TIMES_S = np.arange(8 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ


def sine(hz: float | Waveform) -> Waveform:
    return np.sin(2 * np.pi * hz * TIMES_S)


def sawtooth(hz: float) -> Waveform:
    return 2 * ((hz * TIMES_S) % 1) - 1


SOUNDS = {
    **{f"sawtooth at {hz} Hz": sawtooth(hz) for hz in (50, 60, 100, 120, 150, 200, 240, 300, 400)},
    **{
        f"hum at {hz} Hz": sum(sine(hz * k) / k for k in (1, 2, 3, 4, 6))
        for hz in (50, 60, 100, 120, 200, 400)
    },
    "dial tone": sine(350) + sine(440),
    "ringback": (sine(440) + sine(480)) * (TIMES_S % 6 < 2),
    "busy": (sine(480) + sine(620)) * (TIMES_S % 1 < 0.5),
    "piano": sum(
        np.exp(-4 * (TIMES_S % 0.5))
        * np.sin(2 * np.pi * 220 * k * 2 ** ((TIMES_S // 0.5) / 12) * TIMES_S)
        / k
        for k in (1, 2, 3, 4)
    ),
}


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier()


@pytest.mark.parametrize("dbfs", [-20, -30, -45])
@pytest.mark.parametrize("name", SOUNDS)
def test_a_tone_is_not_speech(verifier: Verifier, name: str, dbfs: float) -> None:
    sound = SOUNDS[name] / np.sqrt(np.mean(np.square(SOUNDS[name])))
    samples = (10 ** (dbfs / 20) * sound).astype(np.float32)
    with pytest.raises(EnrollmentError, match=r"no speech found|s of speech are|steady"):
        verifier.enroll([samples], name="tone", sample_rate_hz=SAMPLE_RATE_HZ)
    slt = verifier.enroll([FOLDER / "slt-enroll-1.flac"], name="slt")
    decision = verifier.verify(slt, samples, sample_rate_hz=SAMPLE_RATE_HZ)
    assert decision.verdict is Verdict.NO_SPEECH
