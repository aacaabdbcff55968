from pathlib import Path

import numpy as np
import pytest

import speakersdk
from speakersdk.audio.waveform import read_audio
from speakersdk.encoder.hop import HopSizes, HopState
from speakersdk.encoder.load import hop_encoder, load_encoder
from speakersdk.encoder.statistics_ring import SO_FAR, WINDOW
from speakersdk.encoder.windowed_hop_encoder import WindowedHopEncoder

CLIPS = Path(speakersdk.__file__).parent / "demo_clips"

MODEL = Path(__file__).parents[2] / "data" / "models" / "windowed.onnx"
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


def test_the_window_is_encoded_as_it_would_be_alone(speech: np.ndarray) -> None:
    encoder = load_encoder(MODEL)
    hops = hop_encoder(encoder, SIZES)
    assert isinstance(hops, WindowedHopEncoder)
    state = hops.start()
    # Up to the last hop of speech: afterwards the embeddings stay as they are.
    end = 0
    for position in range(0, len(speech), 200):
        if feed(hops, state, speech[position : position + 200]) and state.is_evidence:
            end, embeddings = state.buffer.num_samples, state.embeddings.copy()
    hop_samples = encoder.manifest.hop_frames * encoder.manifest.frontend.hop_samples
    hop_end = end - (end - encoder.manifest.frontend.context_samples + 1) % hop_samples
    window = speech[hop_end - SIZES.window_hops * hop_samples : hop_end]
    expected = encoder.session.run({"samples": window[np.newaxis]})["embedding"][0]
    np.testing.assert_allclose(embeddings[WINDOW], expected, atol=1e-5)


def test_the_speech_so_far_has_the_length_of_an_embedding(speech: np.ndarray) -> None:
    encoder = load_encoder(MODEL)
    hops = hop_encoder(encoder, SIZES)
    state = hops.start()
    feed(hops, state, speech)
    length = np.linalg.norm(state.embeddings[SO_FAR])
    assert length == pytest.approx(encoder.manifest.temperature, rel=1e-5)
    assert state.speech_s > 0


def test_reset_forgets_what_was_heard(speech: np.ndarray) -> None:
    encoder = load_encoder(MODEL)
    hops = hop_encoder(encoder, SIZES)
    hop_samples = encoder.manifest.hop_frames * encoder.manifest.frontend.hop_samples
    context = encoder.manifest.frontend.context_samples
    used, fresh = hops.start(), hops.start()
    feed(hops, used, speech[: 10 * hop_samples + context - 1])
    used.reset()
    feed(hops, used, speech[10 * hop_samples + context - 1 :])
    feed(hops, fresh, speech[10 * hop_samples :])
    np.testing.assert_array_equal(used.embeddings, fresh.embeddings)
