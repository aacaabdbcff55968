"""The plots of rtf.py: our real-time factor by length, and the peers beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def plot(rows: list[dict[str, Any]], folder: Path, stem: str) -> None:
    """Write <stem>.svg."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    figure, (by_length, beside) = plt.subplots(1, 2, figsize=(12, 4.5))
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
    colours = ["grey" if row["is_peer"] else "tab:blue" for row in compared]
    beside.barh(names, [row["rtf"] for row in compared], color=colours)
    beside.set(xlabel="real-time factor, 3 s, one thread")
    figure.tight_layout()
    figure.savefig(folder / f"{stem}.svg", metadata={"Date": None})
