from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.encoder.load import load_encoder
from speakersdk.errors import AudioTooShortError, ClosedError, InvalidAudioError
from tests.sdk.encoder.streaming_in_pieces import encoded_in_pieces

MODELS = Path(__file__).parents[2] / "data" / "models"
RATE_HZ = 16000
# The hop of the test models is 80 samples, and blocks are 500 frames: 2.5 s. Float32 sums in blocks
# of another length differ by units in the last place of statistics of a few hundred frames; the
# contract is 1e-4.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def encoder() -> SpeakerEncoder:
    return load_encoder(MODELS / "stateful.onnx")


def noise(num_samples: int, seed: int = 1) -> np.ndarray:
    """Noise whose level changes every 50 ms: frames differ."""
    rng = np.random.default_rng(seed)
    level = np.repeat(10 ** rng.uniform(-4, -1, num_samples // 800 + 1), 800)[:num_samples]
    return (rng.normal(0, 1, num_samples) * level).astype(np.float32)


def one_call(encoder: SpeakerEncoder, samples: np.ndarray) -> dict[str, np.ndarray]:
    """Run the graph once over the whole, written after docs/formats/model.md."""
    manifest = encoder.manifest
    num_frames = 1 + (len(samples) - 200) // 80
    used = np.concatenate([[0.0], samples])[: 121 + 80 * num_frames].astype(np.float32)
    return encoder.session.run(
        {
            "samples": used[np.newaxis],
            "frame_weights": np.ones((1, num_frames), np.float32),
            "cache": np.zeros((1, manifest.cache_size), np.float32),
            "statistics": np.zeros((1, manifest.statistics_size), np.float32),
        }
    )


# Around the minimum, the last frame's border, the end of a block, and beyond several blocks.
@pytest.mark.parametrize(
    "num_samples", [8000, 8039, 8040, 8041, 40119, 40120, 40121, 40200, 100_000]
)
def test_blocks_give_what_one_call_gives(encoder: SpeakerEncoder, num_samples: int) -> None:
    samples = noise(num_samples)
    encoding = encoder.encode(samples)
    expected = one_call(encoder, samples)
    np.testing.assert_allclose(encoding.embedding, expected["embedding"][0], atol=TOLERANCE)
    num_speech = np.count_nonzero(expected["speech"] >= 0.5)
    assert 0 < num_speech < expected["speech"].size
    # A frame at exactly one half may fall on either side.
    assert encoding.speech_s == pytest.approx(num_speech * 80 / RATE_HZ, abs=80 / RATE_HZ)
    assert encoding.duration_s == num_samples / RATE_HZ


def test_the_embedding_has_the_length_of_the_manifest(encoder: SpeakerEncoder) -> None:
    embedding = encoder.encode(noise(16000)).embedding
    assert embedding.dtype == np.float32
    assert embedding.shape == (encoder.manifest.embedding_dim,)
    assert np.linalg.norm(embedding) == pytest.approx(encoder.manifest.temperature, rel=1e-5)


@settings(deadline=None, max_examples=25)
@given(
    num_samples=st.integers(8000, 60_000),
    lengths=st.lists(st.integers(0, 30_000), min_size=1, max_size=40),
)
def test_any_chunking_gives_what_one_pass_gives(num_samples: int, lengths: list[int]) -> None:
    encoder = load_encoder(MODELS / "stateful.onnx")
    samples = noise(num_samples)
    streamed = encoded_in_pieces(encoder, samples, lengths)
    offline = encoder.encode(samples)
    np.testing.assert_allclose(streamed.embedding, offline.embedding, atol=TOLERANCE)
    assert streamed.speech_s == pytest.approx(offline.speech_s, abs=80 / RATE_HZ)
    assert streamed.duration_s == offline.duration_s


def test_single_samples_may_be_pushed(encoder: SpeakerEncoder) -> None:
    samples = noise(8100)
    stream = encoder.stream()
    for sample in samples:
        stream.push(np.array([sample]))
    np.testing.assert_allclose(
        stream.finish().embedding, encoder.encode(samples).embedding, atol=TOLERANCE
    )


def test_a_stream_gives_the_embedding_of_its_complete_hops(encoder: SpeakerEncoder) -> None:
    samples = noise(20_000)
    stream = encoder.stream()
    stream.push(samples)
    hop = encoder.manifest.hop_frames * 80
    complete = (len(samples) - 120) // hop * hop + 120
    expected = encoder.encode(samples[:complete]).embedding
    np.testing.assert_allclose(stream.embedding(), expected, atol=TOLERANCE)
    # A query changes nothing.
    np.testing.assert_array_equal(stream.embedding(), stream.embedding())


def test_streams_do_not_share_state(encoder: SpeakerEncoder) -> None:
    first, second = encoder.stream(), encoder.stream()
    a, b = noise(16000, seed=1), noise(16000, seed=2)
    for piece in range(0, 16000, 1000):
        first.push(a[piece : piece + 1000])
        second.push(b[piece : piece + 1000])
    np.testing.assert_allclose(
        first.finish().embedding, encoder.encode(a).embedding, atol=TOLERANCE
    )
    np.testing.assert_allclose(
        second.finish().embedding, encoder.encode(b).embedding, atol=TOLERANCE
    )


def test_a_stream_keeps_less_than_one_hop_of_samples(encoder: SpeakerEncoder) -> None:
    stream = encoder.stream()
    for _ in range(20):
        stream.push(noise(7777))
        assert len(stream._pending) < 121 + encoder.manifest.hop_frames * 80


def test_input_is_never_changed(encoder: SpeakerEncoder) -> None:
    samples = noise(16000)
    samples.flags.writeable = False
    encoder.encode(samples)


def test_speech_is_counted_only_by_the_head(encoder: SpeakerEncoder) -> None:
    # The first frames see the empty caches. After them, the head gets silence.
    assert encoder.encode(np.zeros(16000, np.float32)).speech_s <= 0.02


def test_without_a_head_the_voice_activity_detector_counts(demo_clips: Path) -> None:
    from speakersdk.audio.waveform import read_audio

    encoder = load_encoder(MODELS / "stateful-headless.onnx")
    speech = encoder.encode(read_audio(demo_clips / "slt-probe.flac"))
    # Three sentences with short pauses.
    assert 0.5 * speech.duration_s < speech.speech_s < speech.duration_s
    assert encoder.encode(np.zeros(16000, np.float32)).speech_s == 0.0


def test_too_short_audio_is_refused(encoder: SpeakerEncoder) -> None:
    with pytest.raises(AudioTooShortError):
        encoder.encode(noise(7999))
    with pytest.raises(AudioTooShortError):
        encoder.encode(np.zeros(0, np.float32))
    stream = encoder.stream()
    stream.push(noise(7999))
    with pytest.raises(AudioTooShortError):
        stream.embedding()
    with pytest.raises(AudioTooShortError):
        stream.finish()


def test_what_is_not_a_waveform_is_refused(encoder: SpeakerEncoder) -> None:
    with pytest.raises(InvalidAudioError):
        encoder.encode(np.zeros(16000))
    with pytest.raises(InvalidAudioError):
        encoder.stream().push(np.zeros((16000, 1), np.float32))


def test_a_finished_stream_takes_nothing_more(encoder: SpeakerEncoder) -> None:
    stream = encoder.stream()
    stream.push(noise(8000))
    stream.finish()
    with pytest.raises(ClosedError, match="finished"):
        stream.push(noise(80))
    with pytest.raises(ClosedError, match="finished"):
        stream.finish()
