"""Architectures: the cost of each of training/experiments on one thread, and its error rates.

The cost does not depend on training. Error rates are those of finished runs in
`runs/NAME/summary.json` (`speakersdk-train fit training/experiments/NAME.toml -o runs/NAME`).
Measurements alternate so that ratios are also valid on a busy machine.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.harness.measure import REPOSITORY, Benchmark
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.encoder.load import load_encoder
from speakersdk_export.graph.stateful import stateful_graph
from speakersdk_export.model_file import write_model
from speakersdk_export.onnx_export import make_manifest
from speakersdk_training.checkpoint import CheckpointInfo, weights_sha256
from speakersdk_training.config import TrainConfig, load_config
from speakersdk_training.models.tdnn import TdnnEncoder

CONFIGS = REPOSITORY / "training" / "experiments"
RUNS = REPOSITORY / "runs"
BUNDLED = "arch-front"  # the network of the bundled model
OFFLINE_S = 3.0
HOP_S = 0.1
WINDOW_HOPS = 30


def main() -> int:
    """Export every architecture once, and time all of them alternately."""
    benchmark = Benchmark(
        name="architectures",
        question="What does each encoder architecture cost on one thread, "
        "and how often is it wrong?",
    )
    configs = distinct_architectures()
    if benchmark.smoke:
        configs = {BUNDLED: configs[BUNDLED]}
    encoders: dict[str, SpeakerEncoder] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, config in configs.items():
            torch.manual_seed(1)
            encoder = TdnnEncoder(config.tdnn, config.frontend).eval()
            benchmark.record(f"{name}: architecture", sizes(encoder))
            encoders[name] = exported(encoder, Path(folder) / f"{name}.onnx")
        samples = 0.1 * np.random.default_rng(1).standard_normal(
            round(OFFLINE_S * SAMPLE_RATE_HZ)
        ).astype(np.float32)
        offline = benchmark.measure_together(
            {
                f"{name}, whole {OFFLINE_S:g} s": (lambda each=each: each.encode(samples))
                for name, each in encoders.items()
            },
            work=OFFLINE_S,
            unit="s of audio",
        )
        hops = benchmark.measure_together(
            {f"{name}, hop": one_hop(each, samples) for name, each in encoders.items()},
            work=HOP_S,
            unit="s of audio",
        )
    for name in encoders:
        whole, hop = offline[f"{name}, whole {OFFLINE_S:g} s"], hops[f"{name}, hop"]
        benchmark.record(
            f"{name}: real-time factor",
            {
                "offline": round(whole.median_s / OFFLINE_S, 5),
                "hop": round(hop.median_s / HOP_S, 5),
                "hop_ratio_to_bundled": round(hop.minimum_s / hops[f"{BUNDLED}, hop"].minimum_s, 3),
            },
        )
    for path in sorted(CONFIGS.glob("*.toml")):
        if (rates := error_rates(path.stem)) is not None:
            benchmark.record(f"{path.stem}: error rates", rates)
    benchmark.finish()
    return 0


def distinct_architectures() -> dict[str, TrainConfig]:
    """Return configurations by name; the first of those that differ only in training."""
    found: dict[Any, tuple[str, TrainConfig]] = {}
    # The names are those of the runs that compare architectures.
    paths = sorted(CONFIGS.glob("*.toml"))
    for path in sorted(paths, key=lambda path: not path.stem.startswith("arch-")):
        config = load_config(path)
        network = replace(config.tdnn, dropout=0.0, drop_path=0.0, temperature=1.0)
        if config.run.encoder == "tdnn":
            found.setdefault((network, config.frontend), (path.stem, config))
    return dict(found.values())


def sizes(encoder: TdnnEncoder) -> dict[str, float]:
    """Count parameters, and multiply-accumulates per second of audio with the front end."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        encoder.utterance(torch.zeros(1, 400 + 160 * 99))
    return {
        "parameters": sum(parameter.numel() for parameter in encoder.parameters()),
        "million_macs_per_s": round(counter.get_total_flops() / 2e6, 1),
        "cache_values": encoder.cache_size,
    }


def exported(encoder: TdnnEncoder, path: Path) -> SpeakerEncoder:
    """Export the encoder and load it in the SDK."""
    info = CheckpointInfo("untrained", 0, (), weights_sha256(encoder), True, {})
    graph = stateful_graph(encoder, has_speech_head=True)
    write_model(path, graph, make_manifest(encoder, info))
    return load_encoder(path)


def one_hop(encoder: SpeakerEncoder, samples: np.ndarray) -> Any:
    """Return a call that pushes 100 ms into an endless stream."""
    stream = encoder.stream()
    hop = samples[: round(HOP_S * SAMPLE_RATE_HZ)]
    for _ in range(WINDOW_HOPS):
        stream.push(hop)
    return lambda: stream.push(hop)


def error_rates(name: str) -> dict[str, float] | None:
    """Return the EER in percent of each trial list of a finished run; None without one."""
    path = RUNS / name / "summary.json"
    if not path.is_file():
        return None
    summary = json.loads(path.read_text(encoding="utf-8"))
    rates = {
        f"{trials} {score}": round(100 * metrics[key], 2)
        for trials, metrics in summary["metrics"].items()
        for score, key in (("J", "eer"), ("cosine", "eer_cosine"))
    }
    return rates | {"steps": summary["step"], "seconds": summary["seconds"]}


if __name__ == "__main__":
    raise SystemExit(main())
