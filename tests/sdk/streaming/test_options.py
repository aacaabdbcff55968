import math

import pytest

from speakersdk.decision.sequential import SequentialBounds
from speakersdk.errors import ConfigError
from speakersdk.streaming.options import StreamOptions
from speakersdk.verifier import Verifier


def test_defaults_are_those_of_the_documents() -> None:
    options = StreamOptions(far=0.01)
    assert options.bounds == SequentialBounds(far=0.01, miss_rate=0.05, limit_s=10.0)
    assert (options.window_s, options.silence_s) == (None, 5.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_s": 0.0},
        {"window_s": -1.0},
        {"window_s": math.nan},
        {"window_s": 601.0},
        {"silence_s": 0.0},
        {"silence_s": math.inf},
        {"silence_s": math.nan},
        {"miss_rate": 0.0},
        {"miss_rate": math.nan},
        {"limit_s": 0.0},
        {"limit_s": math.nan},
    ],
)
def test_options_out_of_range_are_refused(wrong: dict[str, float], verifier: Verifier) -> None:
    with pytest.raises(ConfigError, match="expected"):
        StreamOptions(far=0.01, **wrong)
    with pytest.raises(ConfigError, match="expected"):
        verifier.stream_pool(**wrong)
