"""The promised false-accept rate on corpora and in conditions outside the fit of the thresholds.

    python -m benchmarks.accuracy.promise
    python -m benchmarks.accuracy.promise --model campplus.onnx   # an adopted model, calibrated

Speakers outside the encoder's training, by corpus, kind of sessions and conditions of both sides;
enrolled 8 s, probes of 3 and 1.5 s (speechocean762 and others; shorter where a speaker has less).
Three methods of setting thresholds are each tested on a corpus outside their fit:

    home      one corpus as recorded (speechocean762, or Common Voice to test that one)
    pooled    a curve in the speech, on all other corpora and conditions with equal weights
    robust    as in `speakersdk-export thresholds`: with the cohort, and the rate kept in most
    groups

`--held-out` and `--held-out-of` are those of that command. Of another model, they default to
nothing. The cohort has speakers of a single corpus, the largest. Only that corpus has members in
the cohort while it is left out of the fit. If a model was trained on none of the corpora, a fifth
of the speakers is reserved for the cohort and is in no trial. Only the tables of the bundled model
are part of a document.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import corpora
from benchmarks.harness.decision_tables import write_tables
from benchmarks.harness.measure import Benchmark
from benchmarks.harness.tables import markdown
from benchmarks.harness.trial_pairs import HELD_OUT, bundled_encoder
from speakersdk.calibration.calibration import OperatingPoint
from speakersdk.calibration.thresholds import GroupTrials, robust_points
from speakersdk.encoder.load import load_encoder
from speakersdk_export.strangers import HeldOut, collect

FARS = (0.05, 0.01, 0.001)
HOME, OTHER_HOME = "speechocean762", "common-voice"
Fit = Callable[[list[GroupTrials], str], Sequence[OperatingPoint]]


def main() -> int:
    """Print and store the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, help="a calibrated model (default: the bundled one)")
    parser.add_argument("--held-out", type=float, metavar="SHARE")
    parser.add_argument("--held-out-of", nargs="+", metavar="CORPUS")
    parser.add_argument("--most", type=int, default=120, metavar="N", help="speakers per corpus")
    benchmark = Benchmark(
        name="promise",
        question="Does the false-accept rate hold on corpora outside the fit of the thresholds?",
        parser=parser,
    )
    options = benchmark.options
    encoder, _ = bundled_encoder()
    usual = HELD_OUT
    if options.model is not None:
        encoder, usual = load_encoder(options.model), HeldOut()
        benchmark.add_to_name(options.model.stem)
    held_out = HeldOut(
        share=usual.share if options.held_out is None else options.held_out,
        corpora=tuple(options.held_out_of or usual.corpora),
    )
    benchmark.record("model", encoder.manifest.name)
    _, groups = collect(
        encoder, corpora.DATA, held_out=held_out, most=20 if benchmark.smoke else options.most
    )
    rows = measured(groups)
    benchmark.record("groups", rows)
    benchmark.record("summary", summary(rows))
    report = benchmark.finish()
    if not benchmark.smoke and options.model is None:
        write_tables(report["facts"])
    print(table(rows))
    return 0


def measured(groups: list[GroupTrials]) -> list[dict[str, Any]]:
    """Measure a row per method, group and rate."""
    rows = []
    for corpus in sorted({group.corpus for group in groups}):
        others = [group for group in groups if group.corpus != corpus]
        for way, fit in WAYS.items():
            for point in fit(others, corpus):
                rows += [
                    tried(group, point, way)
                    for group in groups
                    if group.corpus == corpus and point.far in FARS and group.supports(point.far)
                ]
    return rows


def tried(group: GroupTrials, point: OperatingPoint, way: str) -> dict[str, Any]:
    """Test a threshold in a group, and one with the exact rate there."""
    others = ~group.targets
    # The same shape, shifted to the exact rate, which is unknown in practice.
    rest = group.llrs - point.thresholds(group.speech_s, group.nearness)
    exact = float(np.quantile(rest[others], 1 - point.far))
    return {
        "way": way,
        "corpus": group.corpus,
        "condition": group.condition,
        "requested_far": point.far,
        "far": round(group.far(point), 6),
        "frr": round(float((rest < 0)[group.targets].mean()), 4),
        "exact_frr": round(float((rest < exact)[group.targets].mean()), 4),
        "target_trials": int(group.targets.sum()),
        "nontarget_trials": int(others.sum()),
    }


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Summarize the worst and mean ratio of rates over groups, and the false rejects."""
    found = []
    for way in WAYS:
        for far in FARS:
            chosen = [row for row in rows if (row["way"], row["requested_far"]) == (way, far)]
            if not chosen:
                continue
            ratios = np.array([row["far"] / far for row in chosen])
            found.append(
                {
                    "way": way,
                    "requested_far": far,
                    "groups": len(chosen),
                    "worst": round(float(ratios.max()), 2),
                    "geometric_mean": round(float(np.exp(np.log(ratios.clip(0.01)).mean())), 2),
                    "above_2": round(float((ratios > 2).mean()), 3),
                    "below_0.2": round(float((ratios < 0.2).mean()), 3),
                    "frr": round(float(np.mean([row["frr"] for row in chosen])), 4),
                    "exact_frr": round(float(np.mean([row["exact_frr"] for row in chosen])), 4),
                }
            )
    return found


def table(rows: list[dict[str, Any]]) -> str:
    """Write a line per group at 1 %: realized rate and false rejects of each method."""
    lines = []
    at = [row for row in rows if row["requested_far"] == FARS[1]]
    for corpus, condition in sorted({(row["corpus"], row["condition"]) for row in at}):
        cells = {
            row["way"]: row
            for row in at
            if (row["corpus"], row["condition"]) == (corpus, condition)
        }
        shown = [
            f"{100 * cells[way]['far']:.2f}, {100 * cells[way]['frr']:.0f}" if way in cells else ""
            for way in WAYS
        ]
        exact = f"{100 * cells['robust']['exact_frr']:.0f}" if "robust" in cells else ""
        lines.append([corpus, condition, *shown, exact])
    return "\n".join(markdown(["corpus", "condition", *WAYS, "exact"], lines))


def home(groups: list[GroupTrials], tried_on: str) -> Sequence[OperatingPoint]:
    """Fit on one corpus as recorded, like the earlier calibration of the model."""
    name = OTHER_HOME if tried_on == HOME else HOME
    chosen = [
        without_cohort(group)
        for group in groups
        if group.corpus == name and group.condition == "one session, clean / clean"
    ]
    return robust_points(chosen, covered=0.5, least_groups=1)


def pooled(groups: list[GroupTrials], tried_on: str) -> Sequence[OperatingPoint]:  # noqa: ARG001
    """Fit on the average of all groups, without the cohort."""
    return robust_points([without_cohort(group) for group in groups], covered=0.5)


def robust(groups: list[GroupTrials], tried_on: str) -> Sequence[OperatingPoint]:  # noqa: ARG001
    """Fit as export does."""
    return robust_points(groups)


def without_cohort(group: GroupTrials) -> GroupTrials:
    """Return the same trials with typical nearness."""
    return replace(group, nearness=np.zeros_like(group.nearness))


WAYS: dict[str, Fit] = {"home": home, "pooled": pooled, "robust": robust}


if __name__ == "__main__":
    raise SystemExit(main())
