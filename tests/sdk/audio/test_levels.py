from pathlib import Path

import numpy as np
import pytest
import soxr

import speakersdk
from speakersdk.arrays import Waveform
from speakersdk.audio.levels import AudioProblem, AudioQuality
from speakersdk.audio.waveform import SAMPLE_RATE_HZ, read_audio

CLIPS = Path(speakersdk.__file__).parent / "demo_clips"

HOP_SAMPLES = 1600


@pytest.fixture(scope="module")
def speech() -> Waveform:
    clips = [read_audio(path) for path in sorted(CLIPS.glob("slt-enroll-*.flac"))]
    return np.concatenate(clips)


def problems(samples: Waveform, noise: Waveform | None = None) -> set[AudioProblem | None]:
    quality, found = AudioQuality(sample_rate_hz=SAMPLE_RATE_HZ), set()
    if noise is not None:
        for hop in noise[: len(noise) // HOP_SAMPLES * HOP_SAMPLES].reshape(-1, HOP_SAMPLES):
            quality.hear(hop)
            quality.take(hop, is_speech=False)
    for hop in samples[: len(samples) // HOP_SAMPLES * HOP_SAMPLES].reshape(-1, HOP_SAMPLES):
        is_speech = float(np.abs(hop).max()) > 0.1 * float(np.abs(samples).max())
        quality.hear(hop)
        if is_speech:
            found.add(quality.problem())
        quality.take(hop, is_speech=is_speech)
    return found


def test_good_speech_has_no_problem(speech: Waveform) -> None:
    assert problems(speech) == {None}


def test_speech_that_is_too_quiet_is_named(speech: Waveform) -> None:
    assert AudioProblem.TOO_QUIET in problems(speech * np.float32(0.002))


def test_clipped_speech_is_named(speech: Waveform) -> None:
    assert AudioProblem.CLIPPED in problems(np.clip(speech * 10, -1, 1).astype(np.float32))


def test_noisy_speech_is_named(speech: Waveform, rng: np.random.Generator) -> None:
    noise = rng.normal(0, float(np.sqrt(np.mean(speech**2))), len(speech)).astype(np.float32)
    assert AudioProblem.NOISY in problems(speech * 0.5 + noise * 0.5, noise * np.float32(0.5))


def test_telephone_speech_is_named(speech: Waveform) -> None:
    narrow = soxr.resample(soxr.resample(speech, 16000, 8000), 8000, 16000)
    assert AudioProblem.NARROW_BAND in problems(narrow)


def test_levels_are_in_decibels_of_full_scale() -> None:
    quality = AudioQuality(sample_rate_hz=SAMPLE_RATE_HZ)
    assert (quality.speech_dbfs, quality.snr_db) == (None, None)
    wave = np.float32(0.1) * np.sign(np.sin(np.arange(HOP_SAMPLES))).astype(np.float32)
    quality.hear(wave)
    quality.take(wave, is_speech=True)
    assert quality.level_dbfs == pytest.approx(-20.0, abs=0.1)
    quality.hear(wave / 100)
    quality.take(wave / 100, is_speech=False)
    assert quality.snr_db == pytest.approx(40.0, abs=0.1)
