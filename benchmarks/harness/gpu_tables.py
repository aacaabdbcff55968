"""The tables of docs/devices.md, from the newest results on a GPU."""

from __future__ import annotations

from typing import Any

from benchmarks.harness.guide_tables import Latest, Lines
from benchmarks.harness.tables import timing

_BATCHES = (1, 32, 128, 256, 512)


def times(latest: Latest) -> Lines:
    """Write the milliseconds of single calls on the GPU."""
    on_gpu, device = latest("rtf-cuda"), latest("device-cuda")
    lines = ["| | milliseconds | real-time factor |", "| --- | --- | --- |"]
    for streams in (1, 32):
        milliseconds = 1e3 * timing(device, f"hop of {streams} live streams")["median_s"]
        lines.append(
            f"| hop of {_counted(streams, 'live stream')} | {milliseconds:.1f} "
            f"| {milliseconds / (100 * streams):.5f} |"
        )
    for row in on_gpu["facts"]["rows"]:
        if row["is_compared"] or row["name"] not in {"encoder", "verify a file"}:
            continue
        title = f"verify a file of {row['length_s']:.0f} s"
        if row["name"] == "encoder":
            title = f"{_counted(row['batch'], 'recording')} of {row['length_s']:g} s"
        lines.append(f"| {title} | {row['p50_ms']:.1f} | {row['rtf']:.5f} |")
    return [*lines, "", _conditions(on_gpu)]


def batches(latest: Latest) -> Lines:
    """Write the seconds of audio per second, by the size of the batch."""
    device = latest("device-cuda")
    lines = ["| batch | from the host | on the device |", "| --- | --- | --- |"]
    for size in _BATCHES:
        rates = [
            timing(device, f"{size} x 3 s from the {place}")["rate"] for place in ("host", "device")
        ]
        lines.append(f"| {size} | {rates[0]:,.0f} | {rates[1]:,.0f} |")
    return lines


def peers(latest: Latest) -> Lines:
    """Write the times of other encoders relative to ours, on the GPU and on a CPU core."""
    columns = [
        {row["name"]: row["p50_ms"] for row in latest(name)["facts"]["rows"] if row["is_compared"]}
        for name in ("rtf-cuda", "rtf")
    ]
    lines = ["| encoder | GPU | CPU core |", "| --- | --- | --- |"]
    for name in columns[0]:
        if name in {"encoder", "front end"}:
            continue
        ratios = [column[name] / column["encoder"] for column in columns]
        lines.append(f"| {name} | {ratios[0]:.2g} | {ratios[1]:.2g} |")
    return lines


def checks(latest: Latest) -> Lines:
    """Write the checks of the benchmark on a GPU, and the limits."""
    facts = latest("device-cuda")["facts"]
    placed = facts["nodes_per_provider"]
    farthest = max(facts["largest difference to the CPU"].values())
    return [
        "| check | on the H200 | allowed |",
        "| --- | --- | --- |",
        f"| operators on the device | {placed['CUDAExecutionProvider']} of "
        f"{sum(placed.values())} | all with weights |",
        f"| embeddings, difference to the CPU, 0.6-20 s | {farthest:.1e} | 1e-3 |",
        "| 200 new lengths, the slowest over the usual call | "
        f"{facts['slowest new length / the usual call']:.2f} | 3 |",
        f"| the same without fixed shapes | {facts['the same without fixed shapes']:.0f} | |",
    ]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}"


def _conditions(report: dict[str, Any]) -> str:
    at, facts = report["conditions"], report["facts"]
    (gpu,) = facts["gpus"]
    return (
        "`python -m benchmarks.speed.rtf --device cuda` and `.device`, "
        f"{at['date_utc'][:10]}, {gpu}, onnxruntime {at['versions']['onnxruntime']}, "
        f"model {facts['model']}."
    )


TABLES = {
    "GPU times": times,
    "GPU batches": batches,
    "encoders on a GPU": peers,
    "GPU checks": checks,
}
