"""Real-time factor: seconds of processing per second of audio, for the bundled model and its peers.

Ours: only the front end, the encoder with it, whole files, the scorer, batches, one and two
threads, 1 to 30 s; a fresh process from start to decision. Peers, in the same run and alternating
with ours: Resemblyzer with its own weights, and five published encoders rebuilt with RANDOM weights
(`peers/`), only for their speed and without their front ends.

    --device cuda   the same graphs on a GPU, without the figures of processes
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness.demo_speech import demo_speech
from benchmarks.harness.measure import Benchmark
from benchmarks.peers.resemblyzer import voice_encoder
from speakersdk import Verifier
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER
from speakersdk.encoder.batch import encode_batch
from speakersdk.encoder.load import load_encoder
from speakersdk.models import default_model_path
from speakersdk.runtime.libraries import gpus
from speakersdk.runtime.options import SessionOptions
from speakersdk.runtime.session import open_session
from speakersdk.scoring import symmetric_kl, symmetric_kl_to_many

LENGTHS_S = (1, 2, 3, 5, 10, 30)
BATCHES = (1, 4, 16)
COMPARED_S = 3
THREADS = (1, 2)
# Number of calls of a row: enough for a 99th percentile, or as many as fit into these seconds.
MAXIMUM_CALLS, MINIMUM_CALLS, SECONDS = 200, 15, 3.0
PROCESS_CALLS = 7

Call = Callable[[], object]


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    benchmark = Benchmark(
        name="rtf",
        question="What are the real-time factors of the bundled model and its peers?",
        parser=parser,
    )
    options = benchmark.options
    if options.device != "cpu":
        benchmark.add_to_name(options.device)
        # The peers need torch. It refuses a cuDNN of another version, which onnxruntime may load.
        importlib.import_module("torch")
    speech = demo_speech()
    benchmark.record("model", load_encoder(default_model_path()).manifest.name)
    benchmark.record("device", options.device)
    benchmark.record("gpus", [str(gpu) for gpu in gpus()])
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for threads in THREADS[: 1 if benchmark.smoke or options.device != "cpu" else None]:
            os.sched_setaffinity(0, available_cores(threads))
            own = own_calls(speech, options.device, threads, Path(folder))
            rows += rows_of(own, threads, smoke=benchmark.smoke)
            compared = {name: own[name] for name in own if name[1:] == (COMPARED_S, 1)}
            peers = peer_calls(speech, options.device, threads, Path(folder), smoke=benchmark.smoke)
            rows += rows_of(compared | peers, threads, smoke=benchmark.smoke, peers=set(peers))
    benchmark.record("rows", rows)
    print_rows(rows)
    for name, ratio in ratios(rows).items():
        benchmark.record(f"{name}: times our encoder, median (fastest)", ratio)
    if options.device == "cpu":
        os.sched_setaffinity(0, available_cores(1))
        for name, value in process_figures(smoke=benchmark.smoke).items():
            benchmark.record(name, value)
    report = benchmark.finish()
    if not benchmark.smoke:
        plot(rows, benchmark.results, f"{report['conditions']['date_utc'][:10]}-{benchmark.name}")
    return 0


def available_cores(threads: int) -> set[int]:
    """Return as many cores as threads, regardless of the harness's restriction."""
    return set(range(min(threads, os.cpu_count() or 1)))


# Key of a row: name, seconds of audio (0 for none), recordings per call.
Key = tuple[str, float, int]


def own_calls(
    speech: npt.NDArray[np.float32], device: str, threads: int, folder: Path
) -> dict[Key, Call]:
    """Make the calls of this package."""
    path = default_model_path()
    encoder = load_encoder(path, device=device, num_threads=threads)
    options = SessionOptions(device=device, num_threads=threads)
    front_end = open_session(front_end_graph(path, folder), options)
    frontend = encoder.manifest.frontend
    calls: dict[Key, Call] = {}
    for length_s in LENGTHS_S:
        samples = np.resize(speech, length_s * SAMPLE_RATE_HZ)
        num_frames = frontend.num_frames(len(samples))
        used = frontend.context_samples + num_frames * frontend.hop_samples
        feeds = {"samples": np.pad(samples, (1, 0))[np.newaxis, :used]}
        # Lengths alternate; if a change of shape stalls, each has its own session.
        of_length = front_end.with_shapes({"samples": feeds["samples"].shape})
        calls["front end", length_s, 1] = lambda session=of_length, feeds=feeds: session.run(feeds)
        calls["encoder", length_s, 1] = lambda samples=samples: encoder.encode(samples)
    for batch in BATCHES[1:] if device == "cpu" else (*BATCHES[1:], 128, 512):
        parts = [np.roll(speech, -k * 4000)[: COMPARED_S * SAMPLE_RATE_HZ] for k in range(batch)]
        calls["encoder", COMPARED_S, batch] = lambda parts=parts: encode_batch(encoder, parts)
    verifier = Verifier(path, device=device, num_threads=threads)
    enrolled = verifier.enroll([FOLDER / "slt-enroll-1.flac"], name="slt")
    probe = FOLDER / "slt-probe.flac"
    probe_s = len(read_audio(probe)) / SAMPLE_RATE_HZ
    calls["verify a file", round(probe_s, 2), 1] = lambda: verifier.verify(enrolled, probe)
    gallery = np.resize(enrolled.embedding, (1000, len(enrolled.embedding))).copy()
    calls["score 1:1", 0, 1] = lambda: symmetric_kl(enrolled.embedding, gallery[0])
    calls["score 1:1000", 0, 1] = lambda: symmetric_kl_to_many(enrolled.embedding, gallery)
    return calls


def front_end_graph(path: Path, folder: Path) -> Path:
    """Extract the part of a model between the waveform and the logarithm to a file."""
    import onnx

    model = onnx.load_model(path)
    logarithm = next(node for node in model.graph.node if node.op_type == "Log")
    output = folder / "front-end.onnx"
    part = onnx.utils.Extractor(onnx.shape_inference.infer_shapes(model))
    onnx.save_model(part.extract_model(["samples"], [logarithm.output[0]]), output)
    return output


def peer_calls(
    speech: npt.NDArray[np.float32], device: str, threads: int, folder: Path, *, smoke: bool
) -> dict[Key, Call]:
    """Make the calls of the peers that can run here, with the compared length."""
    calls: dict[Key, Call] = {}
    rng = np.random.default_rng(1)
    for name, path, shape in exported_peers(folder, smoke=smoke):
        options = SessionOptions(device=device, num_threads=threads, fixed_shapes=False)
        session = open_session(path, options)
        feeds = {"features": rng.standard_normal(shape, np.float32)}
        calls[name, COMPARED_S, 1] = lambda session=session, feeds=feeds: session.run(feeds)
    resemblyzer = voice_encoder(threads, device)
    if resemblyzer is not None:
        samples = speech[: COMPARED_S * SAMPLE_RATE_HZ]
        calls["Resemblyzer (its own weights)", COMPARED_S, 1] = lambda: resemblyzer.embed_utterance(
            samples
        )
    return calls


def exported_peers(folder: Path, *, smoke: bool) -> list[tuple[str, Path, tuple[int, int, int]]]:
    """Export each rebuilt peer: name, ONNX file and input shape; none without torch."""
    try:
        import torch

        from benchmarks.peers.published import PEERS
    except ModuleNotFoundError as error:
        print(f"no rebuilt peers without {error.name}", file=sys.stderr)
        return []
    exported = []
    for peer in PEERS[: 1 if smoke else None]:
        path = folder / f"{peer.name}.onnx"
        shape = (1, peer.num_features, peer.frames_2s * COMPARED_S // 2)
        if not path.exists():
            torch.manual_seed(1)
            with warnings.catch_warnings():
                # The faster exporter (seconds instead of minutes) warns that it is the older one.
                warnings.simplefilter("ignore")
                torch.onnx.export(
                    peer.build().eval(),
                    (torch.zeros(shape),),
                    path,
                    input_names=["features"],
                    output_names=["embedding"],
                    dynamo=False,
                )
        exported.append((f"{peer.name} (random weights)", path, shape))
    return exported


def rows_of(
    calls: Mapping[Key, Call], threads: int, *, smoke: bool, peers: set[Key] | None = None
) -> list[dict[str, Any]]:
    """Time single calls, alternating between contestants; `peers` marks a comparison."""
    seconds: dict[Key, list[float]] = {key: [] for key in calls}
    wanted = {}
    for key, call in calls.items():
        call()  # allocates and compiles; `process_figures` measures its cost
        once = timed(call)
        wanted[key] = 1 if smoke else int(np.clip(SECONDS / once, MINIMUM_CALLS, MAXIMUM_CALLS))
    for turn in range(max(wanted.values())):
        for key, call in calls.items():
            # Spread over the turns so that all have the same conditions.
            if (turn + 1) * wanted[key] // max(wanted.values()) > len(seconds[key]):
                seconds[key].append(timed(call))
    return [
        row(key, threads, values, is_compared=peers is not None, is_peer=key in (peers or ()))
        for key, values in seconds.items()
    ]


def timed(call: Call) -> float:
    """Return the seconds of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def row(
    key: Key, threads: int, seconds: list[float], *, is_compared: bool, is_peer: bool
) -> dict[str, Any]:
    """Make one line of the table."""
    name, length_s, batch = key
    p50, p95, p99 = (float(np.percentile(seconds, share)) for share in (50, 95, 99))
    return {
        "name": name,
        "length_s": length_s,
        "batch": batch,
        "threads": threads,
        "is_compared": is_compared,
        "is_peer": is_peer,
        "calls": len(seconds),
        "p50_ms": round(1e3 * p50, 5),
        "p95_ms": round(1e3 * p95, 5),
        "p99_ms": round(1e3 * p99, 5),
        "fastest_ms": round(1e3 * min(seconds), 5),
        "rtf": round(p50 / (length_s * batch), 6) if length_s else None,
    }


def ratios(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Return each peer's time relative to our encoder's in the same turns, on one thread.

    On a shared machine, long calls are interrupted more often than short ones, and only the fastest
    calls can be compared.
    """
    compared = [item for item in rows if item["is_compared"] and item["threads"] == 1]
    own = next(item for item in compared if item["name"] == "encoder")
    return {
        item["name"]: f"{item['p50_ms'] / own['p50_ms']:.2f} "
        f"({item['fastest_ms'] / own['fastest_ms']:.2f})"
        for item in compared
        if item["is_peer"]
    }


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Print the table."""
    print(f"{'':40} {'s':>5} {'batch':>5} {'thr':>3} {'p50 ms':>9} {'p95':>9} {'p99':>9}  RTF")
    for item in rows:
        rtf = "" if item["rtf"] is None else f"{item['rtf']:.5f}"
        print(
            f"{item['name']:40} {item['length_s']:5g} {item['batch']:5} {item['threads']:3} "
            f"{item['p50_ms']:9.3f} {item['p95_ms']:9.3f} {item['p99_ms']:9.3f}  {rtf}"
        )


def plot(rows: list[dict[str, Any]], folder: Path, stem: str) -> None:
    """Write <stem>.svg: our real-time factor by length, and those of the peers next to ours."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    figure, (by_length, by_encoder) = plt.subplots(1, 2, figsize=(12, 4.5))
    own = [row for row in rows if not row["is_compared"] and row["batch"] == 1]
    for name, style in (("front end", ":"), ("encoder", "-")):
        for threads in sorted({row["threads"] for row in own}):
            line = [row for row in own if row["name"] == name and row["threads"] == threads]
            label = f"{name}, {threads} thread{'s' if threads > 1 else ''}"
            by_length.plot(
                [row["length_s"] for row in line],
                [row["rtf"] for row in line],
                style,
                color=f"C{threads - 1}",
                marker=".",
                label=label,
            )
    by_length.set(
        xscale="log", xlabel="seconds of audio", ylabel="real-time factor", ylim=(0, None)
    )
    by_length.legend(fontsize=8)
    by_length.grid(visible=True, alpha=0.2)
    compared = [row for row in rows if row["is_compared"] and row["threads"] == 1]
    compared = [row for row in compared if row["is_peer"] or row["name"] == "encoder"]
    compared.sort(key=lambda row: -row["p50_ms"])
    names = [row["name"] if row["is_peer"] else "ours, with front end" for row in compared]
    colors = ["grey" if row["is_peer"] else "tab:blue" for row in compared]
    by_encoder.barh(names, [row["rtf"] for row in compared], color=colors)
    by_encoder.set(xlabel="real-time factor, 3 s, one thread")
    figure.tight_layout()
    figure.savefig(folder / f"{stem}.svg", metadata={"Date": None})


def process_figures(*, smoke: bool) -> dict[str, float]:
    """Measure fresh processes: seconds, peak memory, and the time of the first call."""
    clips = [str(FOLDER / "slt-enroll-1.flac"), str(FOLDER / "slt-probe.flac")]
    num_calls = 1 if smoke else PROCESS_CALLS
    return {**command_seconds(clips, num_calls), **peak_memory(clips), **call_times(clips[1])}


def command_seconds(clips: list[str], num_calls: int) -> dict[str, float]:
    """Measure the median seconds of each command."""
    commands = {
        "python alone": ["-c", "pass"],
        "import numpy": ["-c", "import numpy"],
        "import speakersdk": ["-c", "import speakersdk"],
        "speakersdk verify, two recordings": ["-m", "speakersdk", "verify", *clips],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(num_calls):
        for name, arguments in commands.items():
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, *arguments], stdout=subprocess.DEVNULL, check=False
            )
            seconds[name].append(time.perf_counter() - start)
            if done.returncode > 1:  # 1 is a rejected probe
                raise RuntimeError(f"{name} failed with status {done.returncode}")
    return {f"{name}, s": round(statistics.median(t), 4) for name, t in seconds.items()}


def peak_memory(clips: list[str]) -> dict[str, float]:
    """Measure the peak memory of an import and of a command."""
    figures = {}
    for name, setup in {
        "import speakersdk": "import speakersdk",
        "speakersdk verify, two recordings": "from speakersdk.cli import main; "
        "main(['verify', *sys.argv[1:]])",
    }.items():
        # VmHWM starts at zero for a new program, unlike the figures that wait4 reports for a child.
        script = f"import sys; {setup}; print(open('/proc/self/status').read())"
        status = run_python(script, clips)
        peak_kb = status.split("VmHWM:")[1].split()[0]
        figures[f"{name}, peak MB"] = round(int(peak_kb) * 1024 / 1e6, 1)
    return figures


def call_times(clip: str) -> dict[str, float]:
    """Measure the loading of the model, its first call and later calls."""
    script = (
        "import sys, time\n"
        "from speakersdk.audio.waveform import read_audio\n"
        "from speakersdk.encoder.load import load_encoder\n"
        "from speakersdk.models import default_model_path\n"
        "samples = read_audio(sys.argv[1])[:48000]\n"
        "times = [time.perf_counter()]\n"
        "encoder = load_encoder(default_model_path())\n"
        "times.append(time.perf_counter())\n"
        "for _ in range(10):\n"
        "    encoder.encode(samples)\n"
        "    times.append(time.perf_counter())\n"
        "print(*(late - early for early, late in zip(times, times[1:])))\n"
    )
    load_s, first_s, *later_s = (float(value) for value in run_python(script, [clip]).split())
    return {
        "loading the model, s": round(load_s, 4),
        "first call, 3 s, ms": round(1e3 * first_s, 3),
        "later calls, 3 s, ms": round(1e3 * statistics.median(later_s), 3),
    }


def run_python(script: str, arguments: list[str]) -> str:
    """Return the output of a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    ).stdout


if __name__ == "__main__":
    raise SystemExit(main())
