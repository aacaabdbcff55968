from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import soxr

from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.enrollment.fingerprint import (
    FRAMES_PER_S,
    MAXIMUM_S,
    REPEATED,
    fingerprint_of,
    repeats,
)


@pytest.fixture(scope="module")
def speech(voices: dict[str, Any]) -> dict[str, Waveform]:
    """Two recordings of one speaker, joined from different sentences, and one of another."""
    one = [read_audio(path) for path in voices["slt"].enroll]
    other = [read_audio(path) for path in voices["rms"].enroll]
    return {
        "first": np.concatenate(one[:2]),
        "second": np.concatenate([*one[2:], read_audio(voices["slt"].probe)]),
        "other": np.concatenate(other[:2]),
    }


def played(samples: Waveform, rng: np.random.Generator) -> Waveform:
    """A small loudspeaker next to a microphone: a narrow band, an echo, noise, half the level."""
    narrow = soxr.resample(soxr.resample(samples, SAMPLE_RATE_HZ, 7000), 7000, SAMPLE_RATE_HZ)
    echoed = narrow + 0.4 * np.roll(narrow, 700)
    noise = rng.normal(0, 0.1 * narrow.std(), len(narrow))
    return (0.5 * (np.tanh(2 * echoed) + noise)).astype(np.float32)


def test_a_recording_repeats_itself_however_it_is_cut_or_scaled(
    speech: dict[str, Waveform],
) -> None:
    first = speech["first"]
    known = [fingerprint_of([speech["other"]]), fingerprint_of([first])]
    assert repeats([first], known) == 1.0
    assert repeats(np.array_split(first, 7), known) == 1.0
    assert repeats([0.2 * first], known) > 0.99
    # Any start: at most 5 of the 10 ms between two frames remain.
    assert repeats([first[3457:]], known) > 0.8
    silence = np.zeros(9000, np.float32)
    assert repeats([np.concatenate([silence, first, silence])], known) > 0.8


def test_a_loudspeaker_does_not_hide_it(
    speech: dict[str, Waveform], rng: np.random.Generator
) -> None:
    assert repeats([played(speech["first"], rng)], [fingerprint_of([speech["first"]])]) >= REPEATED


def test_other_words_repeat_nothing(speech: dict[str, Waveform]) -> None:
    for known in ("second", "other"):
        assert repeats([speech["first"]], [fingerprint_of([speech[known]])]) < REPEATED


def test_silence_and_what_is_too_short_repeat_nothing() -> None:
    silence = np.zeros(64000, np.float32)
    known = [fingerprint_of([silence])]
    assert repeats([silence], known) == 0.0
    assert repeats([silence[:8000]], known) == 0.0
    assert repeats([], []) == 0.0
    assert len(fingerprint_of([silence[:8000]])) == 0


def test_it_holds_sixteen_bits_every_80_ms_of_a_minute_and_a_half(rng: np.random.Generator) -> None:
    noise = rng.normal(0, 0.1, 10 * SAMPLE_RATE_HZ).astype(np.float32)
    fingerprint = fingerprint_of([noise])
    assert fingerprint.dtype == np.uint16
    # The means and the lag use 0.53 s at the end.
    assert len(fingerprint) == pytest.approx((10 - 0.53) * FRAMES_PER_S, abs=1)
    long = fingerprint_of([noise] * 12)
    assert len(long) == pytest.approx((MAXIMUM_S - 0.53) * FRAMES_PER_S, abs=1)
