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


def symbols(rate_hz: float) -> Waveform:
    """Return random bits, as -1 and 1 with soft edges."""
    length = int(SAMPLE_RATE_HZ // rate_hz)
    chosen = np.random.default_rng(0).choice([-1.0, 1.0], len(TIMES_S) // length + 1)
    edge = np.hanning(length)
    return np.convolve(np.repeat(chosen, length)[: len(TIMES_S)], edge / edge.sum(), "same")


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


# Each resembles speech for 0.8 s or more in all, and never for as long as a syllable.
SIGNALS = {
    "modem, two phases": (symbols(1200) * sine(1800), -20),
    "Morse code in noise": (
        sine(800) * (symbols(16) > 0) + 0.1 * np.random.default_rng(1).normal(size=len(TIMES_S)),
        -30,
    ),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_that_resembles_speech_for_moments_is_not_enrolled(
    verifier: Verifier, name: str
) -> None:
    sound, dbfs = SIGNALS[name]
    samples = (10 ** (dbfs / 20) * sound / np.sqrt(np.mean(np.square(sound)))).astype(np.float32)
    with pytest.raises(
        EnrollmentError, match=r"lasts 0\.1 s or longer, expected 15% or more"
    ) as info:
        verifier.enroll([samples], name="modem", sample_rate_hz=SAMPLE_RATE_HZ)
    assert info.value.problems == ("scattered",)
    enrollment = verifier.enrollment("modem")
    progress = [
        enrollment.push(np.tile(part, 2), sample_rate_hz=SAMPLE_RATE_HZ)
        for part in np.array_split(samples, 8)
        for _ in range(4)
    ]
    assert any((at.problem or "").startswith("scattered") for at in progress)
    assert progress[-1].speech_s < 2
