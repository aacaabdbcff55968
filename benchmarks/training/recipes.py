"""Recipes: error rates of several training runs on corpora that their training left out.

    python -m benchmarks.training.recipes runs/*    # folders of `speakersdk-train fit`

Only means are computed: the error rates are those of each finished run in its `summary.json`.
Writes the tables of docs/experiments/recipes.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from benchmarks.harness import tables
from benchmarks.harness.measure import REPOSITORY, Benchmark

DOCUMENT = REPOSITORY / "docs" / "experiments" / "recipes.md"


def main() -> int:
    """Summarize the runs that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", type=Path, nargs="*", help="folders of `speakersdk-train fit`")
    benchmark = Benchmark(
        name="recipes",
        question="Which recipe has the lowest error rate on corpora that training left out?",
        parser=parser,
    )
    runs = []
    for folder in benchmark.options.runs:
        if (run := summed_up(folder)) is None:
            print(f"{folder.name}: no finished run", file=sys.stderr)
        else:
            runs.append(run)
    if not runs and not benchmark.smoke:
        print("expected folders of finished runs, got none", file=sys.stderr)
        return 2
    benchmark.record("runs", by_rate(runs))
    benchmark.finish()
    if not benchmark.smoke:
        text = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(with_tables(text, benchmark.facts), encoding="utf-8")
    return 0


def summed_up(folder: Path) -> dict[str, Any] | None:
    """Return a run's size, last loss and error rates in percent; None unless it finished."""
    path = folder / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not summary.get("finished"):
        return None
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    left_out = tuple(name for corpus in config["data"]["corpora"] for name in corpus["leave_out"])
    lists = {
        title(name): {
            "eer": round(100 * metrics["eer"], 2),
            "eer_cosine": round(100 * metrics["eer_cosine"], 2),
            "is_unseen": name.startswith(left_out),
        }
        for name, metrics in summary["metrics"].items()
    }
    unseen = [row for row in lists.values() if row["is_unseen"]]
    return {
        "name": folder.name,
        "steps": summary["step"],
        "seconds": summary["seconds"],
        "speaker_loss": round(summary["last"]["speaker_loss"], 2),
        "lists": lists,
        "unseen": {
            score: round(geometric_mean(row[score] for row in unseen), 2) if unseen else None
            for score in ("eer", "eer_cosine")
        },
    }


def title(name: str) -> str:
    """Return a readable name of a list, the same for its former names."""
    corpus, _, seconds = name.rpartition("-")
    return f"{corpus.removesuffix('-demo')}, {float(seconds.removesuffix('s')):g} s"


def by_rate(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort runs by error rate on left-out corpora; those without one come last."""
    return sorted(runs, key=lambda run: (run["unseen"]["eer"] or 100.0, run["steps"]))


def with_tables(text: str, facts: Mapping[str, Any]) -> str:
    """Return the text with new tables of recipes."""

    def table(name: str) -> list[str] | None:
        if name not in ("recipes", "finals"):
            return None
        is_final = name == "finals"
        return rows([run for run in facts["runs"] if (run["unseen"]["eer"] is None) == is_final])

    return tables.filled(text, table)


def rows(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of a table: error rates by J, and means by J and by the cosine."""
    lists = list(dict.fromkeys(name for run in runs for name in run["lists"]))
    has_mean = any(run["unseen"]["eer"] for run in runs)
    titles = ["run", "steps", "loss", *lists, *(["unseen, J", "unseen, cosine"] * has_mean)]
    table = []
    for run in runs:
        rates = [run["lists"].get(name, {}).get("eer") for name in lists]
        rates += list(run["unseen"].values()) * has_mean
        cells = ["" if rate is None else f"{rate:.2f}" for rate in rates]
        table.append([run["name"], f"{run['steps']}", f"{run['speaker_loss']:.2f}", *cells])
    return tables.markdown(titles, table, numbers=len(titles) - 1)


if __name__ == "__main__":
    raise SystemExit(main())
