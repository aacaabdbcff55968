"""The tables of docs/streaming.md, written from the latest results.

python -m benchmarks.harness.streaming_tables
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.harness import tables
from benchmarks.harness.measure import REPOSITORY, RESULTS

PAGE = REPOSITORY / "docs" / "streaming.md"
Report = dict[str, Any]


def main() -> int:
    """Rewrite the page."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def filled(page: str, results: Path = RESULTS) -> str:
    """Return the page with tables from the latest results."""
    return tables.filled(page, lambda name: table(name, results))


def table(name: str, results: Path) -> list[str]:
    """Return the lines of one table, and the conditions of its measurement."""
    benchmark, rows = TABLES[name]
    stem = benchmark.rpartition(".")[2].replace("_", "-")
    report = tables.latest(stem, results)
    at = report["conditions"]
    measured = (
        f"`benchmarks.{benchmark}`, {tables.measured_with(report)}, "
        f"load {at['load_1min']:.1f} on {at['cores']} cores"
    )
    if at["load_1min"] > at["cores"] and benchmark in TIMED:
        measured += ": the machine was busy; the times are upper bounds, and no ratio is exact"
    return [*rows(report["facts"]), "", f"{measured}."]


def decisions(facts: Report) -> list[str]:
    """Write the error rates of live decisions, and the speech they need."""
    rows = []
    for speakers, title in (
        ("even speakers", "chose the margin"),
        ("odd speakers", "held out"),
        ("odd speakers, noise 10 dB", "held out, noise 10 dB on both sides"),
        ("odd speakers, telephone", "held out, telephone on both sides"),
    ):
        for far in (0.05, 0.01, 0.001):
            row = facts.get(f"{speakers}, {far:g} requested")
            if row is None:  # conditions have fewer rates, and results before 2026-11-29 none
                continue
            low, high = row["far_interval"]
            rows.append(
                [
                    title,
                    f"{percent(far)} %",
                    f"{percent(row['far'])} % ({percent(low)}-{percent(high)})",
                    f"{percent(row['frr'])} %",
                    f"{row['accept_s_median']:.2f} / {row['accept_s_p95']:.2f} s",
                    f"{row['reject_s_median']:.2f} / {row['reject_s_p95']:.2f} s",
                    f"{percent(row['targets_undecided'])} %, "
                    f"{percent(row['strangers_undecided'])} %",
                    f"{percent(row['fixed_3_s_far'])} %, {percent(row['fixed_3_s_frr'])} %",
                ]
            )
    titles = (
        "speakers",
        "requested",
        "strangers accepted (95 % interval)",
        "enrolled rejected",
        "speech to a correct accept, median / 95 %",
        "to a correct reject",
        "no answer: enrolled, strangers",
        "fixed 3 s: accepted, rejected",
    )
    first = facts["odd speakers, 0.01 requested"]
    return [
        *tables.markdown(titles, rows),
        "",
        f"Each half has {first['strangers']:,} probes of strangers and {first['targets']} of "
        "enrolled speakers, 12 s each. The first decision counts. At a requested 1 %, "
        f"{percent(first['far_ever_in_12_s'])} % of the strangers are accepted at some time in "
        "these 12 s.",
    ]


def changes(facts: Report) -> list[str]:
    """Write the detected changes of speaker."""
    columns = [
        facts[f"changes between {kind} speakers"] for kind in ("demonstration", "development")
    ]

    def row(title: str, text: Callable[[Report], str]) -> list[str]:
        return [title, *map(text, columns)]

    rows = [
        row("changes, missed", lambda at: f"{at['changes']}, {at['missed']}"),
        row(
            "noticed within 1.5 s of speech", lambda at: f"{percent(at['noticed_within_1.5_s'])} %"
        ),
        row(
            "speech until noticed, median / 95 % (a miss counts as infinite)",
            lambda at: f"{seconds(at['delay_s_median'])} / {seconds(at['delay_s_p95'])}",
        ),
        row(
            "windowed llr of the first speaker below 0 within 1.5 s",
            lambda at: f"{percent(at['window_below_0_within_1.5_s'])} %",
        ),
        row(
            "false alarms per minute of one voice",
            lambda at: f"{at['false_alarms_a_minute']:.2f} in {at['minutes_of_one_voice']:g} min",
        ),
    ]
    titles = (
        "changes of speaker",
        "readers of the demo split",
        "development speakers, on whom the bound was chosen",
    )
    return tables.markdown(titles, rows)


def cost(facts: Report) -> list[str]:
    """Write CPU, latency and memory."""
    rows = []
    for title, name in (
        ("encoder and scorer, alone in the process", "stateful encoder and scorer, alone"),
        ("whole pipeline, alone in the process", "stateful pipeline, alone"),
        ("encoder and scorer, alternating with those below", "stateful encoder and scorer"),
        ("whole pipeline: voice activity, encoder, scoring, decision", "stateful pipeline"),
        (
            "whole pipeline of a windowed BLSTM: **random weights**, cost only",
            "windowed pipeline, random weights",
        ),
        ("Resemblyzer's encoder on the last 3 s, no decision", "Resemblyzer, 3 s window"),
    ):
        if f"{name}: ms per hop, p50" not in facts:
            continue
        latencies = " / ".join(f"{facts[f'{name}: ms per hop, p{at}']:.2f}" for at in (50, 95, 99))
        ratio = facts.get(f"{name}: times the CPU of the stateful pipeline")
        cpu_s = f"{facts[f'{name}: CPU s per s of audio']:.4f}"
        rows.append([title, cpu_s, latencies, "" if ratio is None else f"{ratio:g}"])
    titles = (
        "one hop every 100 ms",
        "CPU s per second of audio",
        "ms per hop, 50 / 95 / 99 %",
        "CPU relative to the pipeline",
    )
    return [
        *tables.markdown(titles, rows),
        "",
        "Resident memory of the whole process, which holds the other networks and torch too, in "
        f"{facts['memory: simulated hours']:g} h of simulated audio: "
        f"{facts['memory: MB after a tenth']:.2f} MB after a tenth, "
        f"{facts['memory: MB at the end']:.2f} MB at the end; slope "
        f"{facts['memory: slope, MB a day']:.3f} MB per day.",
    ]


def pool(facts: Report) -> list[str]:
    """Write the number of streams that one core can process."""
    counts = [name.split()[0] for name in facts if name.endswith("streams: streams a core")]
    return tables.markdown(
        ["streams in one call", *counts],
        [
            [
                "streams per core in real time",
                *(f"{facts[f'{count} streams: streams a core']}" for count in counts),
            ],
            [
                "ms per round, 99 %",
                *(f"{facts[f'{count} streams: ms per round, p99']:.1f}" for count in counts),
            ],
        ],
    )


# Tables by name in the document: the benchmark, and the function that writes its facts.
TABLES: dict[str, tuple[str, Callable[[Report], list[str]]]] = {
    "decisions": ("accuracy.streaming_decisions", decisions),
    "changes": ("accuracy.streaming_decisions", changes),
    "cost": ("speed.streaming", cost),
    "pool": ("speed.stream_pool", pool),
}


# Tables whose figures depend on the load of the machine.
TIMED = {"speed.streaming", "speed.stream_pool"}


def percent(share: float) -> str:
    """Format a percentage with two significant digits."""
    return f"{100 * share:.2g}" if share < 0.1 else f"{100 * share:.0f}"


def seconds(value: float | None) -> str:
    """Format seconds, with a dash if a larger share was never noticed."""
    return "-" if value is None else f"{value:.1f} s"


if __name__ == "__main__":
    raise SystemExit(main())
