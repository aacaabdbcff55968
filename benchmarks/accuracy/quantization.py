"""Quantization: size, error rate and speed of the bundled model in fp32, int8 and fp16.

The smaller models come from the code of `speakersdk-export quantize`, calibrated on training
speakers, and all models are measured in turn on one thread. Needs the speech corpora. Eight bits
are for CPUs. Sixteen bits are for GPUs; on CPUs onnxruntime computes them as 32 bits with casts.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import corpora
from benchmarks.harness.demo_speech import demo_speech, demo_voices
from benchmarks.harness.measure import Benchmark
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.demo_clips import FOLDER
from speakersdk.encoder.graph import StatefulGraph
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.encoder.load import load_encoder
from speakersdk.errors import SpeakerSdkError
from speakersdk.models import default_model_path
from speakersdk_export.calibrate import CalibrationTrials
from speakersdk_export.quantize import Precision, quantize_model, training_speech
from speakersdk_training.data.corpus import read_corpus

LISTS = ("speechocean762-dev-3.0s", "speechocean762-dev-1.5s")
SEGMENTS = ("segments-3.0s", "segments-1.5s")
PRECISIONS: tuple[Precision, ...] = ("int8", "fp16")
LENGTHS_S = (1, 3, 10)
# Minimum speed-up that makes 8 bits worth a second model file.
WANTED_SPEEDUP = 1.5


def main() -> int:
    """Quantize, measure and compare."""
    benchmark = Benchmark(
        name="quantization",
        question="How much do smaller number formats save, and how much accuracy do they cost?",
    )
    corpora.require()
    source = default_model_path()
    with tempfile.TemporaryDirectory() as folder:
        trials = CalibrationTrials(
            lists=tuple(corpora.TRIALS / f"{name}.txt" for name in LISTS),
            segments=tuple(corpora.TRIALS / f"{name}.jsonl" for name in SEGMENTS),
            root=corpora.DATA,
        )
        if benchmark.smoke:
            trials = small_trials(Path(folder))
            speech = [clip for clips in demo_voices().values() for clip in clips]
        else:
            speech = training_speech(read_corpus("packs", corpora.DATA), split="train")
        encoders: dict[str, SpeakerEncoder] = {"fp32": load_encoder(source)}
        rows: dict[str, dict[str, float]] = {"fp32": {"bytes": source.stat().st_size}}
        for precision in PRECISIONS:
            path = Path(folder) / f"{precision}.onnx"
            try:
                report = quantize_model(
                    source, path, precision=precision, speech=speech, trials=trials
                )
            except SpeakerSdkError as error:
                benchmark.record(f"{precision}: refused", str(error))
                continue
            encoders[precision] = load_encoder(path)
            rows[precision] = {"bytes": report.num_bytes[1]}
            for name, (before, after) in report.eers.items():
                rows["fp32"][f"EER {name}, %"] = round(100 * before, 2)
                rows[precision][f"EER {name}, %"] = round(100 * after, 2)
        for name, factors in speeds(benchmark, encoders).items():
            rows[name] |= factors
    for name, row in rows.items():
        benchmark.record(name, row)
    if "int8" in rows:
        slowest = min(value for key, value in rows["int8"].items() if key.startswith("times fp32"))
        benchmark.record("int8 is worth shipping", bool(slowest >= WANTED_SPEEDUP))
    benchmark.finish()
    return 0


def small_trials(folder: Path) -> CalibrationTrials:
    """Make trials of all pairs of the demonstration clips, for a smoke run."""
    paths = sorted(FOLDER.glob("*.flac"))
    segments, trials = folder / "segments.jsonl", folder / "trials.txt"
    segments.write_text(
        "".join(
            f'{{"segment": "{path.stem}", "speaker": "{path.stem}", '
            f'"pieces": [["{path.name}", 4000, 40000]]}}\n'
            for path in paths
        )
    )
    trials.write_text(
        "".join(
            f"{int(a.stem.split('-')[0] == b.stem.split('-')[0])} {a.stem} {b.stem}\n"
            for number, a in enumerate(paths)
            for b in paths[:number]
        )
    )
    return CalibrationTrials(lists=(trials,), segments=(segments,), root=FOLDER)


def speeds(
    benchmark: Benchmark, encoders: dict[str, SpeakerEncoder]
) -> dict[str, dict[str, float]]:
    """Measure real-time factors of recordings and hops, and speed-ups relative to fp32."""
    speech = demo_speech()
    factors: dict[str, dict[str, float]] = {name: {} for name in encoders}
    works: dict[str, tuple[float, Any]] = {"hop of 0.1 s": (0.1, hop_call)}
    for length_s in LENGTHS_S:
        samples = speech[: length_s * SAMPLE_RATE_HZ]
        works[f"{length_s} s"] = (
            float(length_s),
            lambda encoder, samples=samples: lambda: encoder.encode(samples),
        )
    for title, (length_s, make) in works.items():
        timings = benchmark.measure_together(
            {f"{name}, {title}": make(encoder) for name, encoder in encoders.items()},
            work=length_s,
            unit="s of audio",
        )
        reference = timings[f"fp32, {title}"].median_s
        for name in encoders:
            median_s = timings[f"{name}, {title}"].median_s
            factors[name][f"RTF, {title}"] = round(median_s / length_s, 5)
            factors[name][f"times fp32, {title}"] = round(reference / median_s, 2)
    return factors


def hop_call(encoder: SpeakerEncoder) -> Any:
    """Return a call of the graph on one hop, with arrays bound as in a stream."""
    manifest = encoder.manifest
    graph = StatefulGraph(manifest)
    shape = (1, graph.num_samples(manifest.hop_frames))
    noise = 0.05 * np.random.default_rng(1).standard_normal(shape, np.float32)
    feeds = graph.feeds(noise)
    return lambda: encoder.session.run(feeds)


if __name__ == "__main__":
    raise SystemExit(main())
