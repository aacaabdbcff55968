"""Device: does it run the model with equal results, without stalls, and how fast?

    python -m benchmarks.speed.device --device cuda    # on an NVIDIA GPU, two minutes
    python -m benchmarks.speed.device --device cpu     # the same steps anywhere
    --model default-fp16.onnx                           # another number format of the bundled model

The exit status is 1 if another device does some of the work, if the embeddings differ from the
CPU's, or if a new length causes a stall; with `--smoke` only the steps are tested. `--device cpu`
runs the code for GPUs in CPU memory.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness.demo_speech import demo_speech
from benchmarks.harness.measure import Benchmark
from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.encoder.graph import EMBEDDING, FRAME_WEIGHTS, SAMPLES, StatefulGraph
from speakersdk.encoder.hop import HopSizes
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.encoder.load import hop_encoder, load_encoder
from speakersdk.encoder.stateful import NUM_SUMS, StatefulStream
from speakersdk.encoder.stateful_blocks import VariableBlocks
from speakersdk.errors import SpeakerSdkError
from speakersdk.models import default_model_path
from speakersdk.runtime.libraries import gpus

# Float32 sums in another order: units in the last place of values up to 8, through about 30 layers.
# TF32 had 2.5e-3; half precision has the same number of bits and a smaller range.
PARITY = {"fp32": 1e-3, "tf32": 1e-2, "fp16": 3e-2}
# A new length stalled CUDA for 85 ms or more, while a call takes 1.2 ms.
STALL_RATIO = 3.0
PARITY_LENGTHS_S = (0.6, 1.5, 3.0, 3.02, 7.3, 20.0)
BATCH_S = 3.0
# Small batches keep results in the GPU's cache between operators, and large batches hide the
# launches. The measurement shows which is faster.
BATCHES = {"cpu": (1, 8), "gpu": (1, 32, 64, 128, 256, 512)}
CONTROL_LENGTHS = 20  # lengths without fixed shapes, each of which may stall


@dataclass(frozen=True, slots=True)
class Work:
    """The operations and data of one pass of a graph.

    A device without a cache between operators moves every operand and every result.

    Attributes:
        flop: number of multiplications and additions.
        operand_bytes: bytes that the operators read and write, including weights.
    """

    flop: int
    operand_bytes: int


def work_of_a_pass(model: Path, shapes: Mapping[str, tuple[int, ...]]) -> Work:
    """Add up the operators of a graph from onnxruntime's profile of a run on zeros."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        options.intra_op_num_threads = 1
        # The weights are those in the file, not blocked for a processor.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        session = onnxruntime.InferenceSession(
            os.fspath(model), options, providers=["CPUExecutionProvider"]
        )
        session.run(None, {name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
        events = json.loads(Path(session.end_profiling()).read_text())
    operators = [event["args"] for event in events if event["name"].endswith("_kernel_time")]
    return Work(
        sum(_flop(operator) for operator in operators),
        sum(
            int(operator[size])
            for operator in operators
            for size in ("activation_size", "parameter_size", "output_size")
        ),
    )


def _flop(operator: Mapping[str, Any]) -> int:
    """Return the operations of an operator with weights by its shapes; 0 for others."""
    kind = operator["op_name"]
    inputs = [shape for item in operator["input_type_shape"] for shape in item.values()]
    outputs = [shape for item in operator["output_type_shape"] for shape in item.values()]
    if "Conv" in kind:
        batch, spatial = outputs[0][0], math.prod(outputs[0][2:])
        return 2 * math.prod(inputs[1]) * batch * spatial
    if kind in {"MatMul", "Gemm", "FusedMatMul", "FusedGemm"}:
        # Every element of the result is a sum over the last axis of the first factor.
        return 2 * math.prod(outputs[0]) * inputs[0][-1]
    return 0


def main() -> int:
    """Check placement, parity and stalls, then measure streams and batches."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--model", type=Path)
    benchmark = Benchmark(
        name="device",
        question="Does a device run the model with equal results, without stalls, and how fast?",
        parser=parser,
    )
    options = benchmark.options
    benchmark.add_to_name(options.device)
    if options.precision != "fp32":
        benchmark.add_to_name(options.precision)
    if options.model is not None:
        benchmark.add_to_name(options.model.stem)
    path = options.model or default_model_path()
    started_s = time.perf_counter()
    try:
        encoder = load_encoder(
            path, device=options.device, precision=options.precision, fixed_shapes=True
        )
    except SpeakerSdkError as error:
        sys.exit(f"{options.device} cannot be measured: {error}")
    benchmark.record("load_s", round(time.perf_counter() - started_s, 3))
    benchmark.record("model", encoder.manifest.name)
    benchmark.record("gpus", [str(gpu) for gpu in gpus()])
    speech = demo_speech()
    holds = {
        "placement": check_placement(benchmark, encoder),
        "parity": check_parity(benchmark, encoder, speech),
        "no stalls": check_stalls(benchmark, encoder, speech, path, options.device),
    }
    measure_streams(benchmark, encoder, speech)
    measure_batches(benchmark, encoder, speech)
    benchmark.record("holds", holds)
    benchmark.finish()
    return 0 if all(holds.values()) or benchmark.smoke else 1


def check_placement(benchmark: Benchmark, encoder: SpeakerEncoder) -> bool:
    """Record the provider of every operator; check that the device runs all with weights."""
    report = encoder.session.report()
    for name in ("device_choice", "nodes_per_provider", "precision", "engine_cache"):
        benchmark.record(name, report[name])
    encoder.session.check_placement()
    return bool(report["device"] == encoder.session.device.name)


def check_parity(benchmark: Benchmark, encoder: SpeakerEncoder, speech: Waveform) -> bool:
    """Compare embeddings with those of the bundled model on the CPU with variable shapes."""
    on_cpu = load_encoder(default_model_path())
    differences = {}
    for length_s in PARITY_LENGTHS_S:
        samples = speech[: round(length_s * SAMPLE_RATE_HZ)]
        difference = encoder.encode(samples).embedding - on_cpu.encode(samples).embedding
        differences[f"{length_s:g} s"] = float(np.abs(difference).max())
    benchmark.record("largest difference to the CPU", differences)
    is_half = encoder.manifest.name.endswith("-fp16")  # the name that quantization gives
    precision = "fp16" if is_half else encoder.session.report()["precision"]
    return max(differences.values()) <= PARITY[precision]


def check_stalls(
    benchmark: Benchmark, encoder: SpeakerEncoder, speech: Waveform, path: Path, device: str
) -> bool:
    """Encode 200 new lengths in one call each, and a few without fixed shapes."""
    number = CONTROL_LENGTHS if benchmark.smoke else 200
    lengths = (np.linspace(0.5, 2.9, number) * SAMPLE_RATE_HZ).astype(int)
    fixed = slowest_of_usual(encoder, speech, lengths)
    if fixed > STALL_RATIO:  # repeat with new lengths, in case the machine was busy
        fixed = min(fixed, slowest_of_usual(encoder, speech, lengths + 7))
    free = load_encoder(path, device=device, fixed_shapes=False)
    control = slowest_of_usual(free, speech, lengths[:: number // CONTROL_LENGTHS])
    benchmark.record("slowest new length / the usual call", round(fixed, 2))
    benchmark.record("the same without fixed shapes", round(control, 2))
    return fixed <= STALL_RATIO


def slowest_of_usual(
    encoder: SpeakerEncoder, speech: Waveform, lengths: npt.NDArray[np.int64]
) -> float:
    """Return the time of the slowest of these lengths relative to that of repeated 3 s."""

    def seconds(num_samples: int) -> float:
        started_s = time.perf_counter()
        encoder.encode(speech[:num_samples])
        return time.perf_counter() - started_s

    usual = [seconds(round(BATCH_S * SAMPLE_RATE_HZ)) for _ in range(21)][
        1:
    ]  # without the first call
    return max(map(seconds, lengths)) / statistics.median(usual)


def measure_streams(benchmark: Benchmark, encoder: SpeakerEncoder, speech: Waveform) -> None:
    """Time hops with the cache on the device, through the host, and of a pool."""
    manifest = encoder.manifest
    hop = manifest.hop_samples
    hop_s = hop / SAMPLE_RATE_HZ
    bound = encoder.stream()
    unbound = StatefulStream(
        VariableBlocks(encoder.session.with_shapes(hop_shapes(encoder)), manifest),
        manifest,
        block_frames=manifest.hop_frames,
    )
    for stream in (bound, unbound):
        stream.push(speech[:hop])  # without context of the front end, this hop encodes nothing
    benchmark.measure_together(
        {
            "hop, cache on the device": lambda: bound.push(speech[:hop]),
            "hop, through the host": lambda: unbound.push(speech[:hop]),
        },
        work=hop_s,
        unit="s of audio",
    )
    for capacity in (1, 32):
        pool = hop_encoder(encoder, HopSizes(window_hops=30, recent_hops=10), capacity=capacity)
        states = [pool.start() for _ in range(capacity)]

        def listen(pool=pool, states=states) -> None:
            for state in states:
                state.buffer.fill(speech[: len(state.buffer.samples)])
            pool.encode(states)

        benchmark.measure(
            f"hop of {capacity} live streams", listen, work=capacity * hop_s, unit="s of audio"
        )


def hop_shapes(encoder: SpeakerEncoder) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the call that encodes one hop."""
    return StatefulGraph(encoder.manifest).inputs(encoder.manifest.hop_frames, windows=NUM_SUMS)


def measure_batches(benchmark: Benchmark, encoder: SpeakerEncoder, speech: Waveform) -> None:
    """Time batches with samples from the host, and with samples on the device."""
    manifest = encoder.manifest
    num_frames = manifest.frontend.num_frames(round(BATCH_S * SAMPLE_RATE_HZ))
    # Always of the bundled model, because the CPU computes 16 bits with casts.
    work = work_of_a_pass(default_model_path(), StatefulGraph(manifest).inputs(num_frames))
    batches = BATCHES["cpu" if encoder.session.device.kind == "cpu" else "gpu"]
    for batch in batches[: 1 if benchmark.smoke else None]:
        graph = StatefulGraph(manifest)
        shapes = graph.inputs(num_frames, batch=batch)
        inputs = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
        inputs[FRAME_WEIGHTS][:] = 1.0
        inputs[SAMPLES][:] = speech[: graph.num_samples(num_frames)]
        outputs = {
            name: np.zeros(shape, np.float32)
            for name, shape in graph.outputs(num_frames, batch=batch).items()
        }
        call = encoder.session.with_shapes(shapes).bind(inputs, outputs)
        call()  # everything is now on the device
        sources = {"the host": [SAMPLES], "the device": []}
        for source, changed in sources.items():
            timing = benchmark.measure(
                f"{batch} x {BATCH_S:g} s from {source}",
                lambda call=call, changed=changed: call(changed, [EMBEDDING]),
                work=batch * BATCH_S,
                unit="s of audio",
            )
            benchmark.record(
                f"roofline, {timing.name}",
                {
                    "s of audio per s": round(timing.rate),
                    "GFLOP/s": round(timing.rate / BATCH_S * work.flop / 1e9, 1),
                    "GB/s of operands": round(timing.rate / BATCH_S * work.operand_bytes / 1e9, 1),
                    "GB/s from the host": round(
                        len(changed) * timing.rate * SAMPLE_RATE_HZ * 4 / 1e9, 3
                    ),
                },
            )
    benchmark.record("MFLOP per s of audio", round(work.flop / BATCH_S / 1e6, 1))
    benchmark.record("MB of operands per s of audio", round(work.operand_bytes / BATCH_S / 1e6, 2))


if __name__ == "__main__":
    sys.exit(main())
