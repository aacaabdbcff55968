from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.errors import ConfigError


def test_the_default_is_25_ms_every_10_ms() -> None:
    config = FrontendConfig()
    assert config.window_samples / config.sample_rate_hz == 0.025
    assert config.hop_samples / config.sample_rate_hz == 0.010
    assert config.context_samples == 241


@pytest.mark.parametrize(
    ("num_samples", "num_frames"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (16000, 98)]
)
def test_only_whole_frames_count(num_samples: int, num_frames: int) -> None:
    assert FrontendConfig().num_frames(num_samples) == num_frames


@given(st.integers(1, 10_000))
def test_frames_and_samples_agree(num_frames: int) -> None:
    config = FrontendConfig()
    num_samples = config.num_samples(num_frames)
    assert config.num_frames(num_samples) == num_frames
    assert config.num_frames(num_samples - 1) == num_frames - 1
    # One zero, then blocks of k frames that overlap by the context: the graph's contract.
    assert 1 + num_samples == config.context_samples + num_frames * config.hop_samples


@pytest.mark.parametrize(
    "values",
    [
        {"hop_samples": 0},
        {"hop_samples": 401},
        {"window_samples": 513},
        {"low_hz": -1.0},
        {"low_hz": 8000.0},
        {"high_hz": 8001.0},
        {"window": "rectangular"},
        {"mel_scale": "bark"},
        {"compression": "db"},
    ],
)
def test_impossible_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        FrontendConfig(**values)
