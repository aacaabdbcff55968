"""The tables of docs/adoption.md, from the newest results of two benchmarks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.harness.guide_tables import Latest, Lines
from benchmarks.harness.tables import markdown

# With fewer trials of the same speaker, error rates say nothing about a system.
LEAST_TARGETS = 30
TOO_FEW = "too few trials"


def rates(latest: Latest) -> Lines:
    """Write the error rates of all systems on the same trials."""
    found = latest("adopted")["facts"]["rows"]
    rows = []
    for title in dict.fromkeys(row["trials"] for row in found):
        for row in (each for each in found if each["trials"] == title):
            decided = row.get("decisions", [])
            # The titles show how few trials of the same speaker there are.
            is_measured = row["target_trials"] >= LEAST_TARGETS
            eer = _interval(row["eer_percent"], row["eer_interval_percent"])
            rejected = ", ".join(_percent(way["frr"]) for way in decided)
            rows.append(
                [
                    f"{title} ({row['target_trials']:,}, {row['nontarget_trials']:,})",
                    row["system"],
                    f"{row['failures_to_acquire']} of {row['segments']:,}",
                    eer if is_measured else TOO_FEW,
                    ", ".join(_accepted(way) for way in decided),
                    rejected if is_measured else TOO_FEW,
                ]
            )
    titles = (
        "trials (same speaker, others)",
        "system",
        "no answer",
        "EER",
        "strangers accepted",
        "speakers rejected",
    )
    return markdown(titles, rows)


def cost(latest: Latest) -> Lines:
    """Write the real-time factors of all systems, measured in one run."""
    facts = latest("adopted")["facts"]
    titles = ("measured", "system", "real-time factor", "times the bundled model")
    rows = [["not measured: the run had `--no-speed`", "", "", ""]]
    if "cost" in facts:
        rows = [
            [
                row["what"],
                row["system"],
                f"{row['real_time_factor']:.4f}",
                f"{row['times_ours']:.1f}",
            ]
            for row in facts["cost"]
        ]
    return markdown(titles, rows, numbers=2)


def promise(latest: Latest) -> Lines:
    """Write how the false-accept rates hold on corpora that were left out of the thresholds."""
    results = [latest("promise-campplus")["facts"], latest("promise")["facts"]]
    rows = []
    for requested in sorted({row["requested_far"] for row in results[0]["summary"]}, reverse=True):
        rows += [
            [
                f"{100 * requested:g} %",
                facts["model"],
                str(row["groups"]),
                f"{row['worst']:.1f}",
                f"{row['geometric_mean']:.2f}",
                f"{100 * row['above_2']:.0f} %",
                _percent(row["frr"]),
                _percent(row["exact_frr"]),
            ]
            for facts in results
            for row in facts["summary"]
            if (row["way"], row["requested_far"]) == ("robust", requested)
        ]
    titles = (
        "requested",
        "system",
        "cells",
        "worst",
        "geometric mean",
        "above 2",
        "false rejects",
        "false rejects with exact thresholds",
    )
    return markdown(titles, rows)


def _accepted(way: Mapping[str, Any]) -> str:
    low, high = way["interval"]
    return _interval(100 * way["far"], [100 * low, 100 * high])


def _interval(percent: float, interval: list[float]) -> str:
    return f"{percent:.2f} % ({interval[0]:.2f}-{interval[1]:.2f})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
