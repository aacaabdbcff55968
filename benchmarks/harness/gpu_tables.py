"""The tables of docs/devices.md, from the newest results on a GPU."""

from __future__ import annotations

from typing import Any

from benchmarks.harness.guide_tables import Latest, Lines
from benchmarks.harness.tables import markdown, timing
from speakersdk.text import counted

_BATCHES = (1, 32, 128, 256, 512)


def times(latest: Latest) -> Lines:
    """Write the milliseconds of single calls on the GPU."""
    on_gpu, device = latest("rtf-cuda"), latest("device-cuda")
    rows = []
    for streams in (1, 32):
        milliseconds = 1e3 * timing(device, f"hop of {streams} live streams")["median_s"]
        title = f"hop of {counted(streams, 'live stream')}"
        rows.append([title, f"{milliseconds:.1f}", f"{milliseconds / (100 * streams):.5f}"])
    for row in on_gpu["facts"]["rows"]:
        if row["is_compared"] or row["name"] not in {"encoder", "verify a file"}:
            continue
        title = f"verify a file of {row['length_s']:.0f} s"
        if row["name"] == "encoder":
            title = f"{counted(row['batch'], 'recording')} of {row['length_s']:g} s"
        rows.append([title, f"{row['p50_ms']:.1f}", f"{row['rtf']:.5f}"])
    lines = markdown(("", "milliseconds", "real-time factor"), rows)
    return [*lines, "", f"Hops: {_conditions(device)}", f"Other rows: {_conditions(on_gpu)}"]


def batches(latest: Latest) -> Lines:
    """Write the seconds of audio per second, by the size of the batch."""
    device = latest("device-cuda")
    rows = []
    for size in _BATCHES:
        rates = [
            timing(device, f"{size} x 3 s from the {place}")["rate"] for place in ("host", "device")
        ]
        rows.append([str(size), *(f"{rate:,.0f}" for rate in rates)])
    return markdown(("batch", "from the host", "on the device"), rows)


def peers(latest: Latest) -> Lines:
    """Write the times of other encoders relative to ours, on the GPU and on a CPU core."""
    columns = [
        {row["name"]: row["p50_ms"] for row in latest(name)["facts"]["rows"] if row["is_compared"]}
        for name in ("rtf-cuda", "rtf")
    ]
    rows = []
    for name in columns[0]:
        if name in {"encoder", "front end"}:
            continue
        ratios = [column[name] / column["encoder"] for column in columns]
        rows.append([name, *(f"{ratio:.2g}" for ratio in ratios)])
    return markdown(("encoder", "GPU", "CPU core"), rows)


def checks(latest: Latest) -> Lines:
    """Write the checks of the benchmark on a GPU, and the limits."""
    facts = latest("device-cuda")["facts"]
    placed = facts["nodes_per_provider"]
    farthest = max(facts["largest difference to the CPU"].values())
    on_device = f"{placed['CUDAExecutionProvider']} of {sum(placed.values())}"
    slowest = facts["slowest new length / the usual call"]
    free = facts["the same without fixed shapes"]
    rows = [
        ["operators on the device", on_device, "all with weights"],
        ["embeddings, difference from the CPU, 0.6-20 s", f"{farthest:.1e}", "1e-3"],
        ["200 new lengths, the slowest over the usual call", f"{slowest:.2f}", "3"],
        ["the same without fixed shapes", f"{free:.0f}", ""],
    ]
    return markdown(("check", "on the H200", "allowed"), rows)


def _conditions(report: dict[str, Any]) -> str:
    at, facts = report["conditions"], report["facts"]
    (gpu,) = facts["gpus"]
    name = report["name"].removesuffix("-cuda")
    return (
        f"`python -m benchmarks.speed.{name} --device cuda`, {at['date_utc'][:10]}, {gpu}, "
        f"onnxruntime {at['versions']['onnxruntime']}, model {facts['model']}."
    )


TABLES = {
    "GPU times": times,
    "GPU batches": batches,
    "encoders on a GPU": peers,
    "GPU checks": checks,
}
