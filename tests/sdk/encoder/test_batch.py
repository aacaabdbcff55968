from pathlib import Path

import numpy as np
import pytest

from speakersdk.audio.waveform import read_audio
from speakersdk.encoder.batch import encode_batch
from speakersdk.encoder.load import load_encoder
from speakersdk.errors import AudioTooShortError, InvalidAudioError

MODELS = Path(__file__).parents[2] / "data" / "models"
# The parity check of the export allows this for blocks of any kind.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def recordings(demo_clips: Path) -> list[np.ndarray]:
    """Lengths from half a second to twelve: rows end in every block."""
    speech = np.concatenate([read_audio(path) for path in sorted(demo_clips.glob("*.flac"))])
    lengths = [8000, 16000, 16001, 81000, 80640, 192345]
    return [speech[7 * n : 7 * n + n] if 8 * n < len(speech) else speech[:n] for n in lengths]


@pytest.mark.parametrize(
    "name", ["default", "stateful.onnx", "stateful-headless.onnx", "windowed.onnx"]
)
def test_a_batch_gives_the_result_of_each_recording(
    name: str, default_model: Path, recordings: list[np.ndarray]
) -> None:
    encoder = load_encoder(default_model if name == "default" else MODELS / name)
    if name == "windowed.onnx":  # the minimum is half a second of speech, not of audio
        recordings = recordings[1:]
    for together, samples in zip(encode_batch(encoder, recordings), recordings, strict=True):
        alone = encoder.encode(samples)
        np.testing.assert_allclose(together.embedding, alone.embedding, atol=TOLERANCE)
        assert together.duration_s == alone.duration_s
        # A probability within rounding of the limit may fall on either side: one frame.
        assert together.speech_s == pytest.approx(alone.speech_s, abs=0.0101)


def test_recordings_that_are_none_are_refused(default_model: Path) -> None:
    encoder = load_encoder(default_model)
    good = np.zeros(16000, np.float32)
    assert encode_batch(encoder, []) == []
    with pytest.raises(AudioTooShortError):
        encode_batch(encoder, [good, good[:4000]])
    with pytest.raises(InvalidAudioError):
        encode_batch(encoder, [good, good.astype(np.float64)])
