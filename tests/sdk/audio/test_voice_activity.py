from pathlib import Path

import numpy as np
import pytest

from speakersdk.audio.voice_activity import CHUNK_SAMPLES, VoiceActivityDetector
from speakersdk.audio.waveform import read_audio
from speakersdk.errors import ConfigError


def speech_s(*chunks: np.ndarray) -> float:
    detector = VoiceActivityDetector(sample_rate_hz=16000)
    for chunk in chunks:
        detector.push(chunk)
    return detector.speech_s


@pytest.mark.parametrize("voice", ["awb", "kal16", "rms", "slt"])
def test_speech_is_found(voice: str, demo_clips: Path) -> None:
    samples = read_audio(demo_clips / f"{voice}-probe.flac")
    # Three sentences with short pauses between them.
    assert 0.5 < speech_s(samples) / (len(samples) / 16000) <= 1.0


def test_silence_and_noise_are_no_speech(rng: np.random.Generator) -> None:
    assert speech_s(np.zeros(32000, np.float32)) == 0.0
    assert speech_s(rng.normal(0, 0.01, 32000).astype(np.float32)) == 0.0


def test_chunking_changes_nothing(demo_clips: Path) -> None:
    samples = read_audio(demo_clips / "slt-probe.flac")[:32000]
    whole = speech_s(samples)
    assert speech_s(*np.array_split(samples, 7)) == whole
    assert speech_s(*np.array_split(samples, 1000)) == whole


def test_a_remainder_waits_for_its_chunk() -> None:
    assert speech_s(np.ones(CHUNK_SAMPLES - 1, np.float32)) == 0.0


def test_other_sample_rates_are_refused() -> None:
    with pytest.raises(ConfigError, match="8000"):
        VoiceActivityDetector(sample_rate_hz=8000)
