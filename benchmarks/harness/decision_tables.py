"""The tables and the plot of the pages about decisions, made from benchmark results.

    python -m benchmarks.harness.decision_tables

writes them from the stored results. tests/integration/test_documents.py compares the pages with
these results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import tables
from benchmarks.harness.measure import REPOSITORY, RESULTS

DOCS = REPOSITORY / "docs"
PAGES = (
    DOCS / "error-rates.md",
    DOCS / "experiments" / "held-out-speakers.md",
    DOCS / "experiments" / "held-out-corpora.md",
    DOCS / "experiments" / "conditions.md",
    DOCS / "experiments" / "score-normalization.md",
)
PICTURE = DOCS / "error-rates.svg"
BENCHMARKS = ("decisions", "conditions", "promise")
_FARS = ("0.05", "0.01", "0.001")
_WAYS = {
    "home": "one corpus, clean",
    "pooled": "all groups, speech only",
    "robust": "**as bundled: cohort, most groups**",
}
_METHODS = ("none", "s-norm", "centered", "s-norm, one corpus", "centered, one corpus")


def main() -> int:
    """Write the tables and the plot from the newest stored results."""
    for name in BENCHMARKS:
        write_tables(tables.latest(name, RESULTS)["facts"])
    draw(tables.latest("decisions", RESULTS)["facts"]["rows"], PICTURE)
    return 0


def write_tables(facts: Mapping[str, Any]) -> None:
    """Replace the tables of the pages that the facts contain."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        page.write_text(with_tables(text, facts), encoding="utf-8")


def with_tables(text: str, facts: Mapping[str, Any]) -> str:
    """Return the text with new tables; tables without facts are unchanged."""

    def table(name: str) -> list[str] | None:
        fact, lines = TABLES[name]
        return None if facts.get(fact) is None else lines(facts[fact])

    return tables.filled(text, table)


def held_out(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write the realized rates with intervals, and Cllr."""
    titles = ("fitted on", "each side", "at 5 %", "at 1 %", "at 0.1 %", "Cllr (minCllr)")
    table = []
    for row in rows:
        rates = [
            f"{100 * rate['far']:.2f} [{100 * rate['interval'][0]:.2f}, "
            f"{100 * rate['interval'][1]:.2f}]" + ("" if rate["within"] else " **outside**")
            for rate in row["rates"]
        ]
        loss = row["cllr"] / row["min_cllr"] - 1
        table.append(
            [
                row["fitted_on"],
                _seconds(row),
                *rates,
                f"{row['cllr']:.3f} ({row['min_cllr']:.3f}, {100 * loss:+.0f} %)",
            ]
        )
    return tables.markdown(titles, table)


def other_splits(splits: Mapping[str, Any]) -> list[str]:
    """Write how the realized rates of random halves compare with the requested ones."""
    titles = ("requested", "within the interval", "realized / requested, median", "nine of ten")
    within, ratios = splits["within_percent"], splits["far_to_requested_5_50_95_percentile"]
    table = []
    for far in _FARS:
        low, middle, high = ratios[far]
        cells = (f"{within[far]} %", f"{middle:.2f}", f"{low:.2f} to {high:.2f}")
        table.append([f"{100 * float(far):g} %", *cells])
    return tables.markdown(titles, table)


def one_threshold(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write the rates of one threshold for all lengths."""
    titles = ("each side", "at 5 %", "at 1 %", "at 0.1 %")
    table = []
    for length_s, both in _by_length(rows).items():
        columns = zip(*(row["rates"] for row in both), strict=True)
        rates = [
            ", ".join(f"{100 * rate['far_of_one_threshold']:.2g}" for rate in column)
            for column in columns
        ]
        table.append([f"{length_s:g} s", *rates])
    return tables.markdown(titles, table)


def verdicts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write the verdicts in percent: accepted / inconclusive / rejected."""
    titles = ("each side", "trials", "FAR 5 %", "FAR 1 %", "FAR 0.1 %")
    table = []
    for length_s, listed in _by_length(rows).items():
        for kind in ("target", "nontarget"):
            cells = []
            for far in _FARS:
                requested = [row[kind] for row in listed if row["requested_far"] == float(far)]
                means = [np.mean([row[verdict] for row in requested]) for verdict in requested[0]]
                cells.append(" / ".join(_percent(mean) for mean in means))
            table.append([f"{length_s:g} s", kind, *cells])
    return tables.markdown(titles, table)


def normalization(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write false accepts at 5 % and 1 %, and false rejects at 1 %, for each normalization."""
    titles = ("trials", *_METHODS)
    table = []
    keys = dict.fromkeys((row["corpus"], row["length_s"]) for row in rows)
    for corpus, length_s in keys:
        cells = []
        for method in _METHODS:
            (row,) = (
                row
                for row in rows
                if (row["corpus"], row["length_s"], row["method"]) == (corpus, length_s, method)
            )
            misses = (
                f"{100 * row['least_frr_at_far_0.01']:.1f}" if row["target_trials"] >= 100 else "-"
            )
            cells.append(
                f"{100 * row['far_requested_0.05']:.1f}, "
                f"{100 * row['far_requested_0.01']:.2f}; {misses}"
            )
        table.append([f"{corpus}, {length_s:g} s", *cells])
    return tables.markdown(titles, table)


def fixed_threshold(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write false accepts and false rejects of speakersdk and of Resemblyzer."""
    titles = (
        "threshold from",
        "each side",
        "speakersdk, far=0.01",
        "Resemblyzer, fixed",
        "Resemblyzer, 0.75",
    )
    table = []
    for row in rows:
        cells = [
            f"{100 * row[name]['far']:.2f}, {100 * row[name]['frr']:.1f}"
            for name in ("speakersdk", "resemblyzer", "resemblyzer at 0.75")
        ]
        threshold = f"{row['fitted_on']} ({row['threshold']:.2f})"
        table.append([threshold, _seconds(row), *cells])
    return tables.markdown(titles, table)


def conditions(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write the rates in each condition, with the change relative to clean speech."""
    titles = (
        "probe", "each side", "EER", "at 5 %", "at 1 %", "at 0.1 %",
        "FRR at 1 %", "Cllr", "no answer",
    )  # fmt: skip
    table = []
    clean = {row["length_s"]: row for row in rows if row["condition"] == "clean"}
    for row in rows:
        before = clean[row["length_s"]]
        table.append(
            [
                row["condition"],
                _seconds(row),
                _changed(row, before, "eer"),
                *(f"{100 * row['far'][far]:.2f}" for far in _FARS),
                _changed(row, before, "frr"),
                f"{row['cllr']:.3f} ({row['min_cllr']:.3f})",
                _percent(row["unanswered"]),
            ]
        )
    return tables.markdown(titles, table)


def _changed(row: Mapping[str, Any], clean: Mapping[str, Any], rate: str) -> str:
    """Format a rate in percent, with its change relative to clean speech."""
    change = "" if row is clean else f" ({100 * (row[rate] - clean[rate]):+.1f})"
    return f"{100 * row[rate]:.1f}{change}"


def conditions_on_both_sides(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write false accepts and rejects at 1 %, with the probe or both sides distorted."""
    titles = (
        "condition", "each side", "EER: probe", "both", "FAR at 1 %: probe", "both",
        "FRR: probe", "both",
    )  # fmt: skip
    table = []
    for row in rows:
        if row["condition"] != "clean":
            sides = (row, row["both_sides"])
            cells = [
                *(f"{100 * side['eer']:.1f}" for side in sides),
                *(f"{100 * side['far']['0.01']:.2f}" for side in sides),
                *(f"{100 * side['frr']:.1f}" for side in sides),
            ]
            table.append([row["condition"], _seconds(row), *cells])
    return tables.markdown(titles, table)


def normalization_by_condition(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write false accepts and rejects at 1 %, without and with normalization."""
    titles = ("probe", "each side", "none", "s-norm", "centered")
    table = []
    for row in rows:
        cells = [
            f"{100 * row['normalized'][method]['far']:.2f}, "
            f"{100 * row['normalized'][method]['frr']:.1f}"
            for method in ("none", "s-norm", "centered")
        ]
        table.append([row["condition"], _seconds(row), *cells])
    return tables.markdown(titles, table)


def promise(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write realized over requested rates on corpora left out of the fit."""
    titles = (
        "requested", "thresholds", "cells", "worst", "geometric mean", "above 2", "below 0.2",
        "false rejects", "false rejects with exact thresholds",
    )  # fmt: skip
    table = [
        [
            f"{100 * row['requested_far']:g} %",
            _WAYS[row["way"]],
            str(row["groups"]),
            f"{row['worst']:.1f}",
            f"{row['geometric_mean']:.2f}",
            f"{_percent(row['above_2'])} %",
            f"{_percent(row['below_0.2'])} %",
            f"{100 * row['frr']:.1f} %",
            f"{100 * row['exact_frr']:.1f} %",
        ]
        for row in sorted(rows, key=lambda row: -row["requested_far"])
    ]
    return tables.markdown(titles, table)


def promise_by_corpus(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write the bundled thresholds at a requested 1 %, in every corpus and condition."""
    titles = ("corpus", "condition", "strangers accepted", "of", "speakers rejected", "of")
    table = [
        [
            row["corpus"],
            row["condition"],
            f"{100 * row['far']:.1f} %",
            str(row["nontarget_trials"]),
            f"{_percent(row['frr'])} % ({_percent(row['exact_frr'])} %)",
            str(row["target_trials"]),
        ]
        for row in rows
        if (row["way"], row["requested_far"]) == ("robust", 0.01)
    ]
    return tables.markdown(titles, table)


# Tables by name in a page: the fact, and the function that writes it.
TABLES: dict[str, tuple[str, Any]] = {
    "held-out speakers": ("rows", held_out),
    "other splits": ("other splits", other_splits),
    "one threshold": ("rows", one_threshold),
    "verdicts": ("verdicts", verdicts),
    "normalization": ("normalization", normalization),
    "fixed threshold": ("fixed threshold", fixed_threshold),
    "conditions": ("conditions", conditions),
    "conditions on both sides": ("conditions", conditions_on_both_sides),
    "normalization by condition": ("conditions", normalization_by_condition),
    "promise": ("summary", promise),
    "promise by corpus": ("groups", promise_by_corpus),
}


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Plot realized against requested rates, with intervals, and those of one threshold."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # Text stays text, and a repeated run writes the same bytes.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "decisions"})
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    fars = [rate["requested_far"] for rate in rows[0]["rates"]]
    for axes, far in zip(figure.subplots(1, len(fars)), fars, strict=True):
        for shift, (half, color) in enumerate((("even", "tab:blue"), ("odd", "tab:orange"))):
            listed = [row for row in rows if row["fitted_on"] == half]
            lengths = np.array([row["length_s"] for row in listed]) * (0.98 + 0.04 * shift)
            rates = [
                next(rate for rate in row["rates"] if rate["requested_far"] == far)
                for row in listed
            ]
            realized = np.array([rate["far"] for rate in rates])
            low, high = np.array([rate["interval"] for rate in rates]).T
            axes.errorbar(
                lengths,
                100 * realized,
                100 * np.array([realized - low, high - realized]),
                fmt="o",
                color=color,
                label=f"fitted on {half} speakers",
            )
            axes.plot(
                lengths,
                [100 * rate["far_of_one_threshold"] for rate in rates],
                ":",
                color=color,
                label="one threshold",
            )
        axes.axhline(100 * far, color="black", linewidth=0.8)
        axes.set_xscale("log")
        axes.set_yscale("log")
        ticks = sorted(_by_length(rows))
        axes.set_xticks(ticks, [f"{length_s:g}" for length_s in ticks])
        axes.set_xticks([], minor=True)
        axes.set_title(f"requested {100 * far:g} %", fontsize=10)
        axes.set_xlabel("seconds of audio, each side")
    figure.axes[0].set_ylabel("false-accept rate, %")
    figure.axes[0].legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})


def _by_length(rows: Sequence[Mapping[str, Any]]) -> dict[float, list[Mapping[str, Any]]]:
    groups: dict[float, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["length_s"], []).append(row)
    return groups


def _seconds(row: Mapping[str, Any]) -> str:
    return f"{row['length_s']:g} s"


def _percent(share: Any) -> str:
    return f"{100 * share:.0f}"


if __name__ == "__main__":
    raise SystemExit(main())
