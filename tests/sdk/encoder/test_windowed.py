from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER
from speakersdk.encoder.interface import SpeakerEncoder, detector
from speakersdk.encoder.load import load_encoder
from speakersdk.encoder.windowed import SpeechWindows, WindowedEncoder
from speakersdk.errors import AudioTooShortError, InvalidAudioError
from tests.sdk.encoder.streaming_in_pieces import encoded_in_pieces

MODEL = Path(__file__).parents[2] / "data" / "models" / "windowed.onnx"
RATE_HZ = 16000
WINDOW = 16000  # the test model's window is 1 s
# Rounding to float32 of values up to 4.
TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def encoder() -> SpeakerEncoder:
    return load_encoder(MODEL)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return read_audio(FOLDER / "slt-probe.flac")


def noise(num_samples: int) -> np.ndarray:
    rng = np.random.default_rng(num_samples)
    return rng.normal(0, 0.1, num_samples).astype(np.float32)


def windows(encoder: SpeakerEncoder) -> SpeechWindows:
    return SpeechWindows(encoder.session, encoder.manifest, WINDOW)


def mean_of_windows(
    encoder: SpeakerEncoder, samples: np.ndarray, *, window: int = WINDOW
) -> np.ndarray:
    """Windows every half window, the last one ending with the speech."""
    last = max(0, len(samples) - window)
    starts = sorted({*range(0, last, window // 2), last})
    embeddings = [
        encoder.session.run({"samples": samples[np.newaxis, start : start + window]})["embedding"]
        for start in starts
    ]
    total = np.sum(embeddings, axis=0, dtype=np.float64)[0]
    return total * encoder.manifest.temperature / np.linalg.norm(total)


@pytest.mark.parametrize(
    "num_samples", [8000, 15999, 16000, 16001, 23999, 24000, 24001, 32000, 50_000]
)
def test_the_mean_is_that_of_the_windows(encoder: SpeakerEncoder, num_samples: int) -> None:
    samples = noise(num_samples)
    encoder_windows = windows(encoder)
    for piece in np.array_split(samples, 7):
        encoder_windows.take(piece)
    embedding = encoder_windows.mean()
    np.testing.assert_allclose(embedding, mean_of_windows(encoder, samples), atol=TOLERANCE)
    assert embedding.dtype == np.float32
    assert np.linalg.norm(embedding) == pytest.approx(4.0, rel=1e-6)


def test_what_is_kept_counts_as_all_the_speech(encoder: SpeakerEncoder) -> None:
    samples = noise(40_000)
    encoder_windows = windows(encoder)
    encoder_windows.take(samples)
    encoder_windows.forget(keep_samples=9000)
    np.testing.assert_allclose(
        encoder_windows.mean(), mean_of_windows(encoder, samples[-9000:]), atol=TOLERANCE
    )
    encoder_windows.forget()
    assert not encoder_windows.mean().any()


def net_speech(encoder: SpeakerEncoder, samples: np.ndarray) -> np.ndarray:
    """The samples of the frames that are speech, joined."""
    frontend = encoder.manifest.frontend
    is_speech = detector(encoder.manifest).push(samples)
    first = frontend.window_samples - frontend.hop_samples
    owned = samples[first : first + len(is_speech) * frontend.hop_samples]
    net: np.ndarray = owned.reshape(len(is_speech), -1)[is_speech].ravel()
    return net


def test_what_is_not_speech_is_cut_out(encoder: SpeakerEncoder, speech: np.ndarray) -> None:
    net = net_speech(encoder, speech)
    encoding = encoder.encode(speech)
    np.testing.assert_allclose(encoding.embedding, mean_of_windows(encoder, net), atol=TOLERANCE)
    assert encoding.speech_s == pytest.approx(len(net) / RATE_HZ)
    assert encoding.duration_s == len(speech) / RATE_HZ


def test_without_speech_the_embedding_is_zero(encoder: SpeakerEncoder) -> None:
    encoding = encoder.encode(np.zeros(16000, np.float32))
    assert encoding.speech_s == 0.0
    assert not encoding.embedding.any()


@settings(deadline=None, max_examples=25)
@given(
    num_samples=st.integers(24_000, 60_000),  # less holds too little speech
    lengths=st.lists(st.integers(0, 30_000), min_size=1, max_size=40),
)
def test_any_chunking_gives_what_one_pass_gives(num_samples: int, lengths: list[int]) -> None:
    encoder = load_encoder(MODEL)
    samples = read_audio(FOLDER / "slt-probe.flac")[:num_samples]
    streamed = encoded_in_pieces(encoder, samples, lengths)
    offline = encoder.encode(samples)
    np.testing.assert_allclose(streamed.embedding, offline.embedding, atol=TOLERANCE)
    assert (streamed.speech_s, streamed.duration_s) == (offline.speech_s, offline.duration_s)


def test_a_stream_gives_the_embedding_so_far(encoder: SpeakerEncoder, speech: np.ndarray) -> None:
    samples = speech[:40_000]
    stream = encoder.stream()
    stream.push(samples[:10_000])  # too little speech for an embedding
    for first in range(10_000, len(samples), 10_000):
        stream.push(samples[first : first + 10_000])
        complete = (first + 10_000 - 120) // 800 * 800 + 120  # whole hops
        expected = encoder.encode(samples[:complete]).embedding
        np.testing.assert_allclose(stream.embedding(), expected, atol=TOLERANCE)


def test_too_short_audio_is_refused(encoder: SpeakerEncoder) -> None:
    with pytest.raises(AudioTooShortError):
        encoder.encode(noise(7999))


def test_too_little_speech_is_refused_like_too_little_audio(
    encoder: SpeakerEncoder, speech: np.ndarray
) -> None:
    # The graph gets only the speech, and not less than the minimum of the manifest.
    with pytest.raises(AudioTooShortError, match=r"at least 0\.5 s of speech, got 0\.\d+ s"):
        encoder.encode(np.concatenate([speech[:8000], np.zeros(16_000, np.float32)]))


@pytest.mark.parametrize("num_samples", [30_000, 60_000])
def test_speech_up_to_the_length_of_an_utterance_is_embedded_whole(
    encoder: SpeakerEncoder, speech: np.ndarray, num_samples: int
) -> None:
    whole = WindowedEncoder(encoder.session, replace(encoder.manifest, utterance_s=2.0))
    net = net_speech(encoder, speech[:num_samples])
    encoding = whole.encode(speech[:num_samples])
    np.testing.assert_allclose(
        encoding.embedding, mean_of_windows(encoder, net, window=2 * RATE_HZ), atol=TOLERANCE
    )
    # Windows of 1 s, one after the other, still show whether it is one voice.
    assert encoding.pieces is not None
    assert encoding.pieces.speech_s.tolist() == [1.0] * (len(net) // WINDOW)
    expected = mean_of_windows(encoder, net[:WINDOW])
    np.testing.assert_allclose(encoding.pieces.embeddings[0], expected, atol=TOLERANCE)


def test_what_is_not_a_waveform_is_refused(encoder: SpeakerEncoder) -> None:
    with pytest.raises(InvalidAudioError):
        encoder.encode(np.zeros(16000))


def test_a_finished_stream_takes_nothing_more(encoder: SpeakerEncoder) -> None:
    stream = encoder.stream()
    stream.push(noise(8000))
    stream.finish()
    with pytest.raises(ValueError, match="finished"):
        stream.push(noise(80))
    with pytest.raises(ValueError, match="finished"):
        stream.finish()


def test_fixed_shapes_change_no_embedding(speech: np.ndarray) -> None:
    free, fixed = (load_encoder(MODEL, fixed_shapes=fixed) for fixed in (False, True))
    # Windows of one shape; then a recording shorter than a window, which the CPU processes.
    for num_samples in (32_000, 15_987):
        samples = speech[:num_samples]
        np.testing.assert_array_equal(
            fixed.encode(samples).embedding, free.encode(samples).embedding
        )
        assert fixed.session.num_calls_on_cpu == (num_samples < 16_000)
