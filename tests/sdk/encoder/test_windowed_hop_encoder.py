from pathlib import Path

import numpy as np
import pytest

from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER as CLIPS
from speakersdk.encoder.hop import HopSizes, HopState
from speakersdk.encoder.interface import detector
from speakersdk.encoder.load import hop_encoder, load_encoder
from speakersdk.encoder.statistics_ring import SO_FAR, WINDOW
from speakersdk.encoder.windowed import WindowedHopEncoder, speech_samples

MODEL = Path(__file__).parents[2] / "data" / "models" / "windowed.onnx"
WINDOW_S = 1.0  # of the test model
SIZES = HopSizes(window_hops=20, recent_hops=10)


def feed(encoder: WindowedHopEncoder, state: HopState, samples: np.ndarray) -> int:
    num_hops = 0
    while len(samples):
        samples = samples[state.buffer.fill(samples) :]
        if state.buffer.is_full:
            encoder.encode([state])
            num_hops += 1
    return num_hops


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return read_audio(CLIPS / "slt-enroll-1.flac")


def test_hops_give_what_the_whole_recording_gives(speech: np.ndarray) -> None:
    encoder = load_encoder(MODEL)
    sizes = HopSizes(window_hops=round(WINDOW_S / encoder.manifest.hop_s), recent_hops=10)
    hops = hop_encoder(encoder, sizes)
    assert isinstance(hops, WindowedHopEncoder)
    state = hops.start()
    feed(hops, state, speech)
    hops.encode_remainder(state)
    whole = encoder.encode(speech)
    assert state.speech_s == pytest.approx(whole.speech_s)
    # Rounding to float32 of values up to 4.
    np.testing.assert_allclose(state.embeddings[SO_FAR], whole.embedding, atol=1e-6)


def test_the_window_is_the_last_speech(speech: np.ndarray) -> None:
    encoder = load_encoder(MODEL)
    frontend = encoder.manifest.frontend
    hops = hop_encoder(encoder, SIZES)
    state = hops.start()
    feed(hops, state, speech)
    num_frames = (len(speech) - frontend.context_samples + 1) // encoder.manifest.hop_samples * 10
    is_speech = detector(encoder.manifest).push(speech)[:num_frames]
    first = frontend.window_samples - frontend.hop_samples
    net = speech_samples(speech[first : first + num_frames * frontend.hop_samples], is_speech)
    window = net[-SIZES.window_hops * encoder.manifest.hop_samples :]
    expected = encoder.session.run({"samples": window[np.newaxis]})["embedding"][0]
    np.testing.assert_allclose(state.embeddings[WINDOW], expected, atol=1e-5)


def test_the_speech_so_far_has_the_length_of_an_embedding(speech: np.ndarray) -> None:
    encoder = load_encoder(MODEL)
    hops = hop_encoder(encoder, SIZES)
    state = hops.start()
    feed(hops, state, speech)
    length = np.linalg.norm(state.embeddings[SO_FAR])
    assert length == pytest.approx(encoder.manifest.temperature, rel=1e-5)
    assert state.speech_s > 0


def test_reset_drops_the_earlier_audio(speech: np.ndarray) -> None:
    encoder = load_encoder(MODEL)
    hops = hop_encoder(encoder, SIZES)
    hop_samples = encoder.manifest.hop_samples
    context = encoder.manifest.frontend.context_samples
    used, fresh = hops.start(), hops.start()
    feed(hops, used, speech[: 10 * hop_samples + context - 1])
    used.reset()
    feed(hops, used, speech[10 * hop_samples + context - 1 :])
    feed(hops, fresh, speech[10 * hop_samples :])
    np.testing.assert_array_equal(used.embeddings, fresh.embeddings)
