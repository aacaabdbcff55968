"""Streaming: CPU, latency and memory of the live pipeline, and of a peer that re-runs windows.

Pipeline: voice activity, encoder, scoring, decision; one update per 100 ms, on one thread. The
windowed model is the papers' BLSTM with RANDOM WEIGHTS, made here if torch is installed: its cost
does not depend on the weights, and its output is not used. The peer is Resemblyzer, whose encoder
runs on the last 3 s at every hop, without decisions.

    --day   push a whole day of audio for the memory figure (ten minutes) instead of an hour

`python -m benchmarks.harness.streaming_tables` writes the result to docs/streaming.md.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.harness.demo_speech import demo_speech
from benchmarks.harness.measure import Benchmark
from benchmarks.peers.resemblyzer import voice_encoder
from speakersdk import SpeakerStream, Verifier, Voiceprint
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.demo_clips import FOLDER as CLIPS
from speakersdk.scoring import symmetric_kl_matrix

VOICES = ("awb", "kal16", "rms", "slt")
HOP_SAMPLES = SAMPLE_RATE_HZ // 10
HOP_S = 0.1
WINDOW_SAMPLES = 3 * SAMPLE_RATE_HZ
# One round runs each contestant for this long; rounds alternate so that all have the same
# conditions.
ROUND_HOPS = 100
ROUNDS = 9
PEER_HOPS = 3
HOUR_HOPS, DAY_HOPS = 36_000, 864_000


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--day", action="store_true", help="a day of audio for the memory figure")
    benchmark = Benchmark(
        name="streaming",
        question="What does a decision every 100 ms cost?",
        parser=parser,
    )
    speech = demo_speech()
    speech = np.resize(speech, ROUND_HOPS * HOP_SAMPLES * ROUNDS)
    contestants: dict[str, tuple[Callable[[], object], int]] = {}
    verifier = Verifier(num_threads=benchmark.threads)
    voiceprints = enrolled(verifier)
    contestants["stateful pipeline"] = (
        hop_pusher(verifier.stream(voiceprints), speech),
        ROUND_HOPS,
    )
    contestants["stateful encoder and scorer"] = (
        encoder_and_scorer(verifier.stream(voiceprints), voiceprints, speech),
        ROUND_HOPS,
    )
    alone = {f"{name}, alone": contestant for name, contestant in contestants.items()}
    compare(benchmark, alone)
    with tempfile.TemporaryDirectory() as folder:
        windowed = windowed_verifier(Path(folder), verifier)
    if windowed is not None:
        stream = windowed.stream(enrolled(windowed))
        contestants["windowed pipeline, random weights"] = (
            hop_pusher(stream, speech),
            PEER_HOPS * 3,
        )
    peer = voice_encoder(benchmark.threads)
    if peer is not None:
        window = speech[:WINDOW_SAMPLES]
        contestants["Resemblyzer, 3 s window"] = (lambda: peer.embed_utterance(window), PEER_HOPS)
    compare(benchmark, contestants)
    num_hops = 600 if benchmark.smoke else DAY_HOPS if benchmark.options.day else HOUR_HOPS
    hops, resident_mb = memory(verifier.stream(voiceprints), speech, num_hops)
    benchmark.record("memory: simulated hours", round(num_hops / HOUR_HOPS, 2))
    benchmark.record("memory: MB after a tenth", round(resident_mb[0], 2))
    benchmark.record("memory: MB at the end", round(resident_mb[-1], 2))
    if not benchmark.smoke:
        slope = np.polyfit(hops, resident_mb, 1)[0]
        benchmark.record("memory: slope, MB a day", round(float(slope) * DAY_HOPS, 3) + 0.0)
    benchmark.finish()
    return 0


def enrolled(verifier: Verifier) -> list[Voiceprint]:
    """Enroll the bundled voices."""
    return [
        verifier.enroll(sorted(CLIPS.glob(f"{voice}-enroll-*.flac")), name=voice)
        for voice in VOICES
    ]


def hop_pusher(stream: SpeakerStream, speech: npt.NDArray[np.float32]) -> Callable[[], object]:
    """Return a call that pushes the next 100 ms."""
    position = 0

    def push() -> object:
        nonlocal position
        hop = speech[position : position + HOP_SAMPLES]
        position = (position + HOP_SAMPLES) % len(speech)
        return stream.push(hop, sample_rate_hz=SAMPLE_RATE_HZ)

    return push


def encoder_and_scorer(
    stream: SpeakerStream, voiceprints: list[Voiceprint], speech: npt.NDArray[np.float32]
) -> Callable[[], object]:
    """Return a call that encodes and scores the next 100 ms, without a decision."""
    state, encoder = stream.state, stream._encoder
    embeddings = np.stack([voiceprint.embedding for voiceprint in voiceprints])
    position = 0

    def encode() -> object:
        nonlocal position
        while not state.buffer.is_full:
            position += state.buffer.fill(speech[position : position + HOP_SAMPLES])
            position %= len(speech) - HOP_SAMPLES
        encoder.encode([state])
        return symmetric_kl_matrix(state.embeddings[:2], embeddings)

    return encode


def compare(benchmark: Benchmark, contestants: dict[str, tuple[Callable[[], object], int]]) -> None:
    """Alternate between the contestants; report CPU and latency of each.

    Peers are compared with the first one.
    """
    rounds = 1 if benchmark.smoke else ROUNDS
    cpu_s: dict[str, list[float]] = {name: [] for name in contestants}
    latency_s: dict[str, list[float]] = {name: [] for name in contestants}
    for call, _ in contestants.values():
        for _ in range(3):
            call()
    for _ in range(rounds):
        for name, (call, num_hops) in contestants.items():
            before_s = time.process_time()
            for _ in range(num_hops):
                start = time.perf_counter()
                call()
                latency_s[name].append(time.perf_counter() - start)
            cpu_s[name].append((time.process_time() - before_s) / (num_hops * HOP_S))
    for name in contestants:
        benchmark.record(f"{name}: CPU s per s of audio", round(float(np.median(cpu_s[name])), 5))
        for share in (50, 95, 99):
            value = float(np.percentile(latency_s[name], share)) * 1e3
            benchmark.record(f"{name}: ms per hop, p{share}", round(value, 3))
    pipeline_s = np.array(cpu_s[next(iter(contestants))])
    for name, values in cpu_s.items():
        if not name.startswith("stateful"):
            # Per round, whose contestants had the same conditions.
            ratio = float(np.median(np.array(values) / pipeline_s))
            benchmark.record(f"{name}: times the CPU of the stateful pipeline", round(ratio, 1))


def memory(
    stream: SpeakerStream, speech: npt.NDArray[np.float32], num_hops: int
) -> tuple[list[int], list[float]]:
    """Return hops and resident MB after them, three times per tenth of the run."""
    push = hop_pusher(stream, speech)
    counts = [num_hops * part // 30 for part in range(3, 31)]
    resident_mb: list[float] = []
    pushed = 0
    for count in counts:
        for _ in range(count - pushed):
            push()
        pushed = count
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        resident_mb.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
    return counts, resident_mb


def windowed_verifier(folder: Path, calibrated: Verifier) -> Verifier | None:
    """Make a verifier with a random BLSTM, only for its cost; None without torch."""
    try:
        import torch

        from speakersdk_export.graph.stateful import windowed_graph
        from speakersdk_export.model_file import write_model
        from speakersdk_export.onnx_export import make_manifest
        from speakersdk_training.checkpoint import CheckpointInfo, weights_sha256
        from speakersdk_training.models.blstm import BlstmConfig, BlstmEncoder
    except ModuleNotFoundError as error:
        print(f"no windowed model without {error.name}", file=sys.stderr)
        return None
    torch.manual_seed(1)
    encoder = BlstmEncoder(BlstmConfig(), calibrated.manifest.frontend).eval()
    info = CheckpointInfo(
        name="random-blstm",
        step=0,
        training_corpora=(),
        weights_sha256=weights_sha256(encoder),
        has_speech_head=False,
        metrics={},
    )
    calibration = calibrated.manifest.calibration
    if calibration is not None:  # the cohort contains embeddings of the other model
        calibration = replace(calibration, cohort=None)
    manifest = replace(make_manifest(encoder, info), calibration=calibration)
    path = folder / "windowed.onnx"
    write_model(path, windowed_graph(encoder), manifest)
    return Verifier(path)


if __name__ == "__main__":
    raise SystemExit(main())
