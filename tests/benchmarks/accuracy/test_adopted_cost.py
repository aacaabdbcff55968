"""The cost of adopted encoders: what is timed, and the ratios to the bundled model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy import adopted_cost
from benchmarks.harness.measure import Timing
from speakersdk.encoder.load import load_encoder
from speakersdk.models import default_model_path
from speakersdk.verifier import Verifier


class FixedTimes:
    """A benchmark in which each call takes the number of seconds that it returns."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}

    def measure_together(
        self, calls: dict[str, Callable[[], Any]], *, work: float, unit: str, clock: Any
    ) -> dict[str, Timing]:
        assert clock is time.process_time
        timings = {}
        for name, call in calls.items():
            seconds = float(call())
            timings[name] = Timing(
                name=name,
                median_s=seconds,
                minimum_s=seconds,
                p95_s=seconds,
                spread=0.0,
                repeats=1,
                calls=1,
                work=work,
                unit=unit,
                rate=work / seconds,
            )
        return timings

    def record(self, name: str, value: Any) -> None:
        self.facts[name] = value


def test_cost_is_per_second_of_audio_and_relative_to_the_first_system() -> None:
    benchmark: Any = FixedTimes()
    lengths: list[int] = []

    def encoder(seconds: float) -> Callable[[np.ndarray], float]:
        def encode(samples: np.ndarray) -> float:
            lengths.append(len(samples))
            return seconds

        return encode

    adopted_cost.record_cost(
        benchmark,
        {"ours": encoder(0.03), "other": encoder(0.6)},
        {"ours": lambda: 0.05, "other": lambda: 5.0},
    )
    assert lengths == [48_000, 48_000]
    found = [
        (row["what"], row["system"], row["real_time_factor"], row["times_ours"])
        for row in benchmark.facts["cost"]
    ]
    assert found == [
        ("one pass of 3 s", "ours", 0.01, 1.0),
        ("one pass of 3 s", "other", 0.2, 20.0),
        ("listening", "ours", 0.01, 1.0),
        ("listening", "other", 1.0, 100.0),
    ]


def test_listening_pushes_the_seconds_that_the_factor_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pushed: list[float] = []

    class Stream:
        def push(self, hop: np.ndarray, *, sample_rate_hz: int) -> None:
            pushed.append(len(hop) / sample_rate_hz)

    monkeypatch.setattr(Verifier, "stream", lambda *_: Stream())
    listen = adopted_cost.listener(default_model_path(), threads=1)
    assert pushed == [0.1] * 30  # the window is full before the first repetition
    pushed.clear()
    listen()
    assert pushed == [0.1] * 50


@pytest.mark.export
def test_a_model_without_calibration_listens_with_that_of_the_bundled_one(tmp_path: Path) -> None:
    import onnx

    from speakersdk_export.model_file import write_model

    bundled = load_encoder(default_model_path())
    calibration = bundled.manifest.calibration
    assert calibration is not None
    bare = tmp_path / "bare.onnx"
    graph = onnx.load_model(default_model_path())
    write_model(bare, graph, replace(bundled.manifest, calibration=None))
    for source, expected in (
        (bare, replace(calibration, cohort=None)),
        (default_model_path(), calibration),
    ):
        written = adopted_cost.write_calibrated(source, tmp_path / "calibrated.onnx", bundled)
        assert load_encoder(written).manifest.calibration == expected
