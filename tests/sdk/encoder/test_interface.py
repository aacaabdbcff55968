from pathlib import Path

import numpy as np
import pytest

from speakersdk.encoder.interface import check_duration, check_waveform
from speakersdk.encoder.load import load_encoder
from speakersdk.errors import AudioTooShortError, InvalidAudioError

MODELS = Path(__file__).parents[2] / "data" / "models"


def test_a_waveform_passes_unchanged() -> None:
    samples = np.zeros(3, np.float32)
    assert check_waveform(samples) is samples


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(3), "float64"),
        (np.zeros(3, np.int16), "int16"),
        (np.zeros((3, 2), np.float32), r"\(3, 2\)"),
        ([0.0, 0.0], "list"),
        (np.array([0.0, np.nan], np.float32), "NaN"),
        (np.array([0.0, -np.inf], np.float32), "infinity"),
    ],
)
def test_anything_else_is_refused(samples: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidAudioError, match=message):
        check_waveform(samples)


def test_audio_below_the_minimum_is_refused() -> None:
    manifest = load_encoder(MODELS / "stateful.onnx").manifest
    check_duration(manifest, manifest.minimum_s)
    with pytest.raises(AudioTooShortError) as caught:
        check_duration(manifest, 0.4)
    assert (caught.value.needed_s, caught.value.got_s) == (0.5, 0.4)
