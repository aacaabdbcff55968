"""The table and figures of a result of `seed_ablation.py`, and their document."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.harness.tables import markdown

_MEASURES = {
    "rounding_accuracy": "rounded accuracy",
    "accuracy": "accuracy",
    "eer_of_outputs": "EER of outputs",
    "eer": "EER",
    "mr": "MR",
    "legacy_mr": "legacy MR",
}
_KEPT_POINTS = 60
_BLOCK = r"(<!-- {name} -->\n).*?(<!-- end of {name} -->)"


def by_rung(report: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Group the runs by rung, in the order of the ladder."""
    groups: dict[str, list[dict[str, Any]]] = {name: [] for name in _names()}
    for run in sorted(report["runs"], key=lambda run: run["seed"]):
        groups[run["rung"]].append(run)
    return {name: runs for name, runs in groups.items() if runs}


def _names() -> list[str]:
    from benchmarks.ablation.rungs import ladder, rivals

    return [rung.name for rung in ladder(1) + rivals(1)]


def table(report: dict[str, Any]) -> list[str]:
    """Return the lines of a Markdown table: mean and standard deviation over seeds in percent."""
    rows = []
    for name, runs in by_rung(report).items():
        measured = [run for run in runs if "eer" in run]
        values = [{**run, **run["statistics"]} for run in measured]
        cells = [_percent([value[key] for value in values if key in value]) for key in _MEASURES]
        seeds = f"{len(measured)} of {len(runs)}" if len(measured) < len(runs) else f"{len(runs)}"
        rows.append([name, _stuck(measured), *cells, seeds])
    titles = ["rung", "loss / loss of equal outputs", *_MEASURES.values(), "seeds"]
    return markdown(titles, rows, numbers=len(titles) - 1)


def block(report: dict[str, Any]) -> str:
    """Return the document's text on a result: the settings and the table."""
    settings, device = report["settings"], report["conditions"]["device"]
    groups = by_rung(report)
    text = (
        f"{settings['steps']} steps, {settings['train_speakers']} training speakers, trials of "
        f"{settings['dev_speakers']} unseen ones ({settings['target_trials']} target and "
        f"{settings['nontarget_trials']} nontarget trials of 3 s), "
        f"{settings['clustered_speakers']} of them clustered; {device}, "
        f"{report['conditions']['date_utc'][:10]}. In percent, except for the loss:"
    )
    if settings["is_reduced"]:
        text = (
            "**A reduced run**, too short to judge the systems by: "
            f"{settings['units'] or 'all'} LSTM units, {text}"
        )
    else:
        text = f"LSTMs of 128 units a direction, from the paper's network on 256, {text}"
    changes = [f"- *{name}*: {runs[0]['change']}." for name, runs in groups.items()]
    if missing := [name for name in _names() if name not in groups]:
        changes += ["", f"Without a finished run: {', '.join(missing)}."]
    return "\n".join([text, "", *table(report), "", *changes, ""])


def untrained(report: dict[str, Any]) -> str:
    """Return the document's text on networks before their first step."""
    lines = [
        f"- the network of *{name}*: "
        + ", ".join(
            f"{_MEASURES[key]} {_percent([run[key] for run in runs])} %"
            for key in ("eer", "mr", "legacy_mr")
        )
        + f" ({len(runs)} seeds)"
        for name, runs in by_rung(report).items()
    ]
    return "\n".join([*lines, ""])


def document(report: dict[str, Any], page: Path) -> None:
    """Replace the block of the result in the document."""
    name = report["name"]
    new = untrained(report) if name == "seed-untrained" else block(report)
    pattern = re.compile(_BLOCK.format(name=name), re.DOTALL)
    text = page.read_text(encoding="utf-8")
    page.write_text(pattern.sub(lambda match: f"{match[1]}{new}{match[2]}", text), encoding="utf-8")


def draw(report: dict[str, Any], path: Path) -> None:
    """Draw the losses over the steps and the error rates by rung, one point per seed, as SVG."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    # Equal results give equal files, and text stays text.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": path.stem})
    groups = by_rung(report)
    figure, (losses, rates) = plt.subplots(
        1, 2, figsize=(11, 4.2), layout="constrained", width_ratios=(1, 1.2)
    )
    for name, runs in groups.items():
        run = runs[0]
        if equal := run["statistics"].get("collapsed_loss"):
            curve = run["loss_curve"]
            thinned = curve[:: max(len(curve) // _KEPT_POINTS, 1)]
            losses.plot(
                [at for at, _ in thinned], [loss / equal for _, loss in thinned], label=name
            )
    losses.axhline(1.0, color="grey", linewidth=0.8, linestyle=":")
    losses.set(xlabel="step", ylabel="loss / loss of equal outputs", ylim=(0, 1.6))
    # Above the falling curves, and next to those that begin higher.
    losses.legend(fontsize="small", loc="upper right", ncols=2)
    names = list(groups)
    for offset, key, marker in ((-0.12, "eer", "o"), (0.12, "mr", "s")):
        points = [
            (names.index(run["rung"]) + offset, 100 * run[key])
            for run in report["runs"]
            if key in run and run["rung"] in names
        ]
        rates.scatter(*zip(*points, strict=True), marker=marker, s=18, label=_MEASURES[key])
    rates.set_xticks(range(len(names)), names, rotation=40, ha="right")
    rates.set(ylabel="% of unseen trials or utterances", ylim=(0, None))
    rates.legend()
    settings = report["settings"]
    scale = f"{settings['steps']} steps, {report['conditions']['device']}"
    figure.suptitle(f"reduced run: {scale}" if settings["is_reduced"] else scale, fontsize="medium")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    text = path.read_text(encoding="utf-8")
    path.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n", encoding="utf-8")


def _stuck(runs: list[dict[str, Any]]) -> str:
    """Describe the last loss relative to that of equal outputs, for losses that have one."""
    shares = [
        run["loss_curve"][-1][1] / run["statistics"]["collapsed_loss"]
        for run in runs
        if run["statistics"].get("collapsed_loss")
    ]
    return f"{mean(shares):.3f}" if shares else ""


def _percent(values: list[float]) -> str:
    if not values:
        return ""
    text = f"{100 * mean(values):.2f}"
    return f"{text} ± {100 * stdev(values):.2f}" if len(values) > 1 else text
