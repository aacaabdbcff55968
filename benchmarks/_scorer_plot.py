"""The plots of scorer.py: rates over the number of voiceprints."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

COLOURS = {"faiss": "tab:orange", "BLAS": "tab:green", "SimSIMD": "tab:purple", "ours": "tab:blue"}
STYLES = {"float32": "-", "float16": "--", "int8": ":"}


def plot(points: list[dict[str, Any]], folder: Path, name: str) -> None:
    """Write <date>-<name>.svg: one panel for each dimension."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    dims = sorted({point["dim"] for point in points})
    figure, axes = plt.subplots(1, len(dims), figsize=(12, 5), sharey=True, squeeze=False)
    for axis, dim in zip(axes[0], dims, strict=True):
        own = [point for point in points if point["dim"] == dim]
        labels = [label for label in own[0]["rates"] if not label.startswith("read: ")]
        for label in labels:
            if label.startswith("ours") and "top" not in label:
                continue
            shown = [point for point in own if label in point["rates"]]
            axis.plot(
                [point["num"] for point in shown],
                [point["rates"][label] / 1e6 for point in shown],
                STYLES.get(label.split(", ")[1] if label.startswith("ours") else "", "-"),
                color=next((c for key, c in COLOURS.items() if label.startswith(key)), "grey"),
                marker=".",
                label=label,
            )
        read = [max(r for k, r in p["rates"].items() if k.startswith("read: ")) for p in own]
        counts = [point["num"] for point in own]
        axis.plot(counts, [r / 1e6 for r in read], color="black", lw=0.7, label="reading float32")
        axis.set(xscale="log", yscale="log", xlabel="voiceprints", title=f"D = {dim}")
        axis.grid(visible=True, which="both", alpha=0.2)
    axes[0][0].set_ylabel("million pairs a second")
    axes[0][0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(folder / f"{datetime.now(UTC):%Y-%m-%d}-{name}.svg", metadata={"Date": None})
