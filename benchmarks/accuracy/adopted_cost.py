"""Cost of encoders next to the bundled model: one pass over a recording, and listening.

All systems are measured in turn in one run, because the load of the machine changes. The times are
CPU times, which a busy machine does not prolong by waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.harness.demo_speech import demo_speech
from benchmarks.harness.measure import Benchmark
from benchmarks.peers import resemblyzer
from speakersdk import Verifier
from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.demo_clips import FOLDER
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.encoder.load import load_encoder

PASS_S, LISTENED_S, HOP_S, WINDOW_S = 3.0, 5.0, 0.1, 3.0
Calls = Mapping[str, Callable[[], object]]


def record_cost(
    benchmark: Benchmark, encoders: Mapping[str, Callable[[Waveform], object]], streams: Calls
) -> None:
    """Record the CPU time per second of audio, of a pass and of listening, and its ratio to ours.

    Args:
        benchmark: takes the rows as "cost".
        encoders: functions that embed a recording, by system; the first one is ours.
        streams: calls from `listener` or `resemblyzer_listener`, by system; the first one is ours.
    """
    samples = demo_speech()[: round(PASS_S * SAMPLE_RATE_HZ)]
    passes = {name: _embedding(encode, samples) for name, encode in encoders.items()}
    rows: list[dict[str, Any]] = []
    for what, calls, length_s in (
        (f"one pass of {PASS_S:g} s", passes, PASS_S),
        ("listening", streams, LISTENED_S),
    ):
        titles = {name: f"{name}: {what}" for name in calls}
        timings = benchmark.measure_together(
            {titles[name]: call for name, call in calls.items()},
            work=length_s,
            unit="second",
            clock=time.process_time,
        )
        ours_s = timings[next(iter(titles.values()))].median_s
        for name, title in titles.items():
            timing = timings[title]
            rows.append(
                {
                    "what": what,
                    "system": name,
                    "real_time_factor": round(timing.median_s / length_s, 5),
                    "times_ours": round(timing.median_s / ours_s, 2),
                    "spread": round(timing.spread, 3),
                }
            )
    benchmark.record("cost", rows)


def listener(path: Path, *, threads: int) -> Callable[[], object]:
    """Return a call that pushes the next seconds of speech into a stream, 100 ms at a time."""
    verifier = Verifier(path, num_threads=threads)
    stream = verifier.stream([verifier.enroll([FOLDER / "slt-enroll-1.flac"], name="slt")])

    def push(hop: Waveform) -> object:
        return stream.push(hop, sample_rate_hz=SAMPLE_RATE_HZ)

    speech = demo_speech()
    hop_samples = round(HOP_S * SAMPLE_RATE_HZ)
    for first in range(0, round(WINDOW_S * SAMPLE_RATE_HZ), hop_samples):
        push(speech[first : first + hop_samples])  # until the window of a windowed model is full
    return _listening(push, hop_samples)


def resemblyzer_listener(threads: int) -> Callable[[], object] | None:
    """Return a call that embeds the last 3 s at every hop, without decisions; None if missing."""
    encoder = resemblyzer.voice_encoder(threads)
    if encoder is None:
        return None
    window = demo_speech()[: round(WINDOW_S * SAMPLE_RATE_HZ)]
    return _listening(lambda _: encoder.embed_utterance(window), round(HOP_S * SAMPLE_RATE_HZ))


def write_calibrated(path: Path, output: Path, bundled: SpeakerEncoder) -> Path:
    """Write a copy of a model that can decide; the model's own calibration is kept.

    Without one, it gets that of the bundled model. Its decisions are then meaningless, but their
    cost is the same. The cohort contains embeddings of the bundled model and is left out.
    """
    import onnx

    from speakersdk_export.model_file import write_model

    manifest = load_encoder(path).manifest
    calibration = manifest.calibration or bundled.manifest.calibration
    if manifest.calibration is None and calibration is not None:
        calibration = replace(calibration, cohort=None)
    write_model(output, onnx.load_model(path), replace(manifest, calibration=calibration))
    return output


def _embedding(encode: Callable[[Waveform], object], samples: Waveform) -> Callable[[], object]:
    return lambda: encode(samples)


def _listening(push: Callable[[Waveform], object], hop_samples: int) -> Callable[[], object]:
    """Return a call that pushes the same seconds of speech in hops."""
    speech = demo_speech()[: round(LISTENED_S * SAMPLE_RATE_HZ)]

    def listen() -> None:
        for first in range(0, len(speech), hop_samples):
            push(speech[first : first + hop_samples])

    return listen
