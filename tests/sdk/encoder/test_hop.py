from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER as CLIPS
from speakersdk.encoder.hop import HopEncoder, HopSizes, HopState, hop_sizes
from speakersdk.encoder.load import hop_encoder, load_encoder
from speakersdk.encoder.statistics_ring import NUM_WINDOWS, RECENT, SO_FAR, WINDOW
from speakersdk.models import default_model_path
from speakersdk.verifier import Verifier

MODELS = Path(__file__).parents[2] / "data" / "models"
SIZES = HopSizes(window_hops=30, recent_hops=12)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return np.concatenate([read_audio(path) for path in sorted(CLIPS.glob("*-enroll-1.flac"))])


def run(encoder: HopEncoder, state: HopState, samples: np.ndarray) -> list[bool]:
    """Return which hops of the samples have speech."""
    has_speech = []
    while len(samples):
        samples = samples[state.buffer.fill(samples) :]
        if state.buffer.is_full:
            encoder.encode([state])
            has_speech.append(state.has_speech)
    return has_speech


@settings(deadline=None, max_examples=20)
@given(
    model=st.sampled_from(["default", "stateful.onnx", "stateful-headless.onnx", "windowed.onnx"]),
    silences_s=st.tuples(*[st.floats(0, 3)] * 4),
    lengths=st.lists(st.integers(1, 20_000), min_size=1, max_size=30),
)
def test_hops_give_what_the_whole_recording_gives(
    model: str, silences_s: tuple[float, ...], lengths: list[int]
) -> None:
    encoder = load_encoder(default_model_path() if model == "default" else MODELS / model)
    manifest = encoder.manifest
    voice = read_audio(CLIPS / "slt-enroll-1.flac")[:48000]
    parts = [np.zeros(round(16000 * seconds), np.float32) for seconds in silences_s]
    for number, piece in enumerate(np.array_split(voice, len(parts) - 1)):
        parts.insert(2 * number + 1, piece)
    samples = np.concatenate(parts)
    window_hops = round(manifest.window_s / manifest.hop_s)
    hops = hop_encoder(encoder, HopSizes(window_hops=window_hops, recent_hops=12))
    state = hops.start()
    for piece in np.split(samples, np.minimum(np.cumsum(lengths), len(samples))):
        run(hops, state, piece)
    if state.buffer.num_frames:
        hops.encode_remainder(state)
    whole = encoder.encode(samples)
    assert state.speech_s == pytest.approx(whole.speech_s, abs=1e-9)
    assert whole.speech_s > 0
    # The contract of docs/formats/model.md.
    np.testing.assert_allclose(state.embeddings[SO_FAR], whole.embedding, atol=1e-4)


def test_windows_equal_one_offline_pass_over_their_speech(
    default_model: Path, speech: np.ndarray
) -> None:
    encoder = load_encoder(default_model)
    manifest, session = encoder.manifest, encoder.session
    hops = hop_encoder(encoder, SIZES)
    state = hops.start()
    has_speech = np.array(run(hops, state, speech))
    last = int(np.flatnonzero(has_speech)[-1])
    num_frames = 10 * len(has_speech)
    numbers = np.flatnonzero(has_speech)
    chosen = {
        WINDOW: numbers[numbers > last - SIZES.window_hops],
        SO_FAR: numbers,
        RECENT: numbers[-SIZES.recent_hops :],
    }
    samples = np.concatenate([np.zeros(1, np.float32), speech])[: 241 + 160 * num_frames]
    for row, hop_numbers in chosen.items():
        weights = np.zeros((len(has_speech), 10), np.float32)
        weights[hop_numbers] = 1.0
        whole = session.run(
            {
                "samples": samples[np.newaxis],
                "frame_weights": weights.reshape(1, -1),
                "cache": np.zeros((1, manifest.cache_size), np.float32),
                "statistics": np.zeros((1, manifest.statistics_size), np.float32),
            }
        )
        # The contract of the stateful graph.
        np.testing.assert_allclose(state.embeddings[row], whole["embedding"][0], atol=1e-4)


def test_a_batch_of_streams_equals_single_streams(default_model: Path, speech: np.ndarray) -> None:
    encoder = load_encoder(default_model)
    together = hop_encoder(encoder, SIZES, capacity=2)  # less than three streams: two calls a round
    states = [together.start() for _ in range(3)]
    pieces = [speech[start : start + 32000] for start in (0, 20000, 70000)]
    position = [0, 0, 0]
    while position[0] < 32000:
        for index, state in enumerate(states):
            position[index] += state.buffer.fill(pieces[index][position[index] :])
        if all(state.buffer.is_full for state in states):
            together.encode(states)
    for piece, state in zip(pieces, states, strict=True):
        alone = hop_encoder(encoder, SIZES)
        expected = alone.start()
        run(alone, expected, piece)
        np.testing.assert_allclose(state.embeddings, expected.embeddings, atol=1e-5)
        assert state.speech_s == expected.speech_s


def test_speech_that_starts_within_a_hop_is_counted_by_the_frame(
    default_model: Path, speech: np.ndarray
) -> None:
    encoder = load_encoder(default_model)
    hops = hop_encoder(encoder, SIZES)
    begin = int(np.flatnonzero(np.abs(speech) > 0.1)[0])
    # The voice starts 50 ms before the end of the twentieth hop.
    silence = np.zeros(20 * 1600 + 240 - 800, np.float32)
    state = hops.start()
    assert not any(run(hops, state, silence))
    run(hops, state, speech[begin : begin + 800])
    assert 0.0 <= state.hop_speech_s < 0.1
    run(hops, state, speech[begin + 800 : begin + 800 + 1600])
    assert state.is_evidence
    assert state.speech_s >= state.hop_speech_s > 0


def test_after_a_reset_a_stream_equals_a_new_one(default_model: Path, speech: np.ndarray) -> None:
    encoder = load_encoder(default_model)
    hops = hop_encoder(encoder, SIZES)
    used, fresh = hops.start(), hops.start()
    run(hops, used, speech[: 1600 * 20 + 240])  # exactly twenty hops
    used.reset()
    run(hops, used, speech[1600 * 20 + 240 :])
    run(hops, fresh, speech[1600 * 20 :])
    np.testing.assert_array_equal(used.embeddings, fresh.embeddings)
    np.testing.assert_array_equal(used.cache, fresh.cache)
    assert used.speech_s == fresh.speech_s


def test_unusable_hops_are_not_evidence(default_model: Path, speech: np.ndarray) -> None:
    hops = hop_encoder(load_encoder(default_model), SIZES)
    state = hops.start()
    state.is_usable = False
    assert not any(run(hops, state, speech[:48000]))
    assert not state.is_evidence
    assert state.speech_s == 0
    assert state.speech_probability > 0


@pytest.mark.parametrize("model", ["stateful", "stateful-headless"])
def test_other_front_ends_and_models_without_speech_head_run(
    model: str, speech: np.ndarray
) -> None:
    encoder = load_encoder(MODELS / f"{model}.onnx")
    hops = hop_encoder(encoder, SIZES)
    state = hops.start()
    assert any(run(hops, state, speech))
    assert state.embeddings.shape == (NUM_WINDOWS, encoder.manifest.embedding_dim)
    np.testing.assert_allclose(
        np.linalg.norm(state.embeddings, axis=1), encoder.manifest.temperature, rtol=1e-5
    )


def test_the_remainder_of_a_hop_is_encoded_at_the_end(
    default_model: Path, speech: np.ndarray
) -> None:
    encoder = load_encoder(default_model)
    hops = hop_encoder(encoder, SIZES)
    state = hops.start()
    run(hops, state, speech[: 16000 + 800])
    before = state.speech_s
    hops.encode_remainder(state)
    assert (
        before <= state.speech_s <= before + 0.06
    )  # 800 samples less the context: 6 frames at most


def test_a_stream_equals_one_offline_pass_after_a_simulated_day(
    default_model: Path, speech: np.ndarray
) -> None:
    encoder = load_encoder(default_model)
    manifest, session = encoder.manifest, encoder.session
    hops = hop_encoder(encoder, SIZES)
    state = hops.start()
    rows = []
    remaining = speech[: 1600 * 60 + 240]
    while len(remaining):
        remaining = remaining[state.buffer.fill(remaining) :]
        if state.buffer.is_full:
            hops.encode([state])
            if state.has_speech:
                rows.append(hops._outputs["hop_statistics"][0].copy())
    # A day, compressed: the same hops of speech again and again, without the encoder.
    day_hops = 24 * 36_000
    for hop in range(day_hops):
        state.ring.add(rows[hop % len(rows)], speech_frames=10)
    has_speech = np.array(run(hops, state, speech[1600 * 60 + 240 :]))
    numbers = 60 + np.flatnonzero(has_speech)
    num_frames = 10 * (60 + len(has_speech))
    samples = np.concatenate([np.zeros(1, np.float32), speech])[: 241 + 160 * num_frames]

    def offline(hop_numbers: np.ndarray, statistics: np.ndarray) -> np.ndarray:
        weights = np.zeros((num_frames // 10, 10), np.float32)
        weights[hop_numbers] = 1.0
        feeds = {
            "samples": samples[np.newaxis],
            "frame_weights": weights.reshape(1, -1),
            "cache": np.zeros((1, manifest.cache_size), np.float32),
            "statistics": statistics.astype(np.float32)[np.newaxis],
        }
        embedding: np.ndarray = session.run(feeds)["embedding"][0]
        return embedding

    nothing = np.zeros(manifest.statistics_size)
    window = numbers[numbers > numbers[-1] - SIZES.window_hops]
    recent = numbers[-SIZES.recent_hops :]
    np.testing.assert_allclose(state.embeddings[WINDOW], offline(window, nothing), atol=1e-4)
    np.testing.assert_allclose(state.embeddings[RECENT], offline(recent, nothing), atol=1e-4)
    counts = np.bincount(np.arange(day_hops) % len(rows), minlength=len(rows)) + 1
    day = counts @ np.stack(rows).astype(np.float64)
    np.testing.assert_allclose(state.embeddings[SO_FAR], offline(numbers, day), atol=1e-4)


def test_windows_are_whole_hops(verifier: Verifier) -> None:
    own = hop_sizes(verifier.manifest)
    assert (own.window_hops, own.recent_hops) == (round(verifier.manifest.window_s * 10), 14)
    assert hop_sizes(verifier.manifest, 0.01).window_hops == 1
