from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from speakersdk.errors import ConfigError, InferenceError
from speakersdk.warmup import warm_up

MODELS = Path(__file__).parents[1] / "data" / "models"


@pytest.mark.parametrize("num_streams", [1, 3])
def test_first_and_next_calls_are_timed(default_model: Path, num_streams: int) -> None:
    result = warm_up(default_model, num_streams=num_streams)
    assert result.device == "cpu"
    assert result.engine_cache == "not used"
    assert result.hop_s == pytest.approx(0.1)
    assert min(value for value in asdict(result).values() if isinstance(value, float)) > 0


def test_a_windowed_model_is_warmed_up_too() -> None:
    assert warm_up(MODELS / "windowed.onnx").next_recording_s > 0


def test_what_cannot_be_warmed_up_is_refused(default_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="num_streams"):
        warm_up(default_model, num_streams=0)
    with pytest.raises(ConfigError, match="expected device"):
        warm_up(default_model, device="gpu")
    with pytest.raises(InferenceError):
        warm_up(tmp_path / "absent.onnx")
