"""Decisions: does the requested false-accept rate hold on speakers left out of the fit?

The development speakers of speechocean762 are split into two halves (every other name). The
calibration is fitted on one half and tested on the other, and vice versa. All pairs of segments of
one length are compared, except those that share audio. Further results: the shares of the verdicts,
score normalization, and Resemblyzer with a fixed threshold.

Needs the speech corpora. Writes the tables of docs/error-rates.md and of the pages in
docs/experiments, and draws docs/error-rates.svg.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.harness import normalization
from benchmarks.harness.decision_tables import PICTURE, draw, write_tables
from benchmarks.harness.measure import Benchmark
from benchmarks.harness.trial_pairs import (
    DEVELOPMENT,
    FARS,
    Encodings,
    Flags,
    Pairs,
    Side,
    bundled_encoder,
    compare,
    far_interval,
    fit,
    halves,
    read_length,
    rounded,
    speaker_names,
    spoken_by,
)  # fmt: skip
from benchmarks.peers import resemblyzer
from speakersdk.calibration.calibration import Calibration
from speakersdk.decision.outcome import Verdict
from speakersdk.decision.rule import Request
from speakersdk.metrics import cllr, eer, frr_at_far, min_cllr

LENGTHS_S = (1.5, 3.0, 6.0, 10.0)
# Lengths that are too short for a fit but also tested, and their segments per speaker.
SHORT_S, SHORT_SEGMENTS = (0.75, 1.0), 8
# Segments per speaker for Resemblyzer, whose embeddings take most of the time.
PEER_LENGTHS_S, PEER_SEGMENTS = (1.5, 3.0, 6.0), 4
PEER_FAR, PEER_ADVICE = 0.01, 0.75
OTHER_CORPORA = (
    ("librispeech", "demo", 1.5), ("librispeech", "demo", 3.0), ("speech-commands", "dev", 1.5)
)  # fmt: skip
OTHER_SEGMENTS = 60
TRIALS_OF_A_KIND = 2000
SPLITS = 8


def main() -> int:
    """Fit on each half and test on the other, at every length and rate."""
    benchmark = Benchmark(
        name="decisions", question="Does the requested false-accept rate hold on other speakers?"
    )
    encoder, own_calibration = bundled_encoder()
    minimum_s = own_calibration.minimum_speech_s
    segments = {length_s: read_length(length_s) for length_s in LENGTHS_S}
    for length_s in SHORT_S:
        segments[length_s] = read_length(length_s, per_speaker=SHORT_SEGMENTS)
    num_speakers = 24 if benchmark.smoke else None  # too few for figures
    names = speaker_names(segments.values())[:num_speakers]
    segments = {length_s: spoken_by(names, listed) for length_s, listed in segments.items()}
    encodings = Encodings(encoder.encode, sha256=encoder.manifest.weights_sha256, names=names)
    sides = {length_s: encodings.side(listed) for length_s, listed in segments.items()}
    everything = {length_s: compare(side, side) for length_s, side in sides.items()}
    pairs = {length_s: everything[length_s].answered(minimum_s) for length_s in LENGTHS_S}
    rng = np.random.default_rng(1)
    rows, verdicts = [], []
    for name, members in halves(len(names)):
        calibration = fit(pairs, members, rng)
        rows += held_out_rates(calibration, pairs, members, rng, fitted_on=name)
        verdicts += verdicts_of(calibration, everything, ~members, rng, fitted_on=name)
    benchmark.record_model(encoder.manifest)
    benchmark.record("speakers", len(names))
    benchmark.record("rows", rows)
    benchmark.record("verdicts", verdicts)
    if not benchmark.smoke:
        benchmark.record("other splits", other_splits(pairs, len(names), rng))
        benchmark.record("normalization", normalizations(encodings_of(encoder), sides, pairs, rng))
    benchmark.record("fixed threshold", fixed_threshold(benchmark, names, sides, pairs, rng))
    report = benchmark.finish()
    if not benchmark.smoke:
        draw(rows, PICTURE)
        write_tables(report["facts"])
    return 0


def held_out_rates(
    calibration: Calibration,
    pairs: Mapping[float, Pairs],
    fitted: Flags,
    rng: np.random.Generator,
    *,
    fitted_on: str,
) -> list[dict[str, Any]]:
    """Measure the rates on the speakers left out of the fit, one row per length."""
    constant = constant_thresholds(calibration, pairs, fitted)
    rows = []
    for length_s, trials in pairs.items():
        tried = trials.within(~fitted)
        llrs, speech_s = calibration.llrs(tried.scores, tried.speech_s)
        row: dict[str, Any] = {
            "fitted_on": fitted_on,
            "length_s": length_s,
            "target_trials": int(tried.labels.sum()),
            "nontarget_trials": int((~tried.labels).sum()),
            "cllr": round(cllr(llrs, tried.labels), 4),
            "min_cllr": round(min_cllr(llrs, tried.labels), 4),
            "rates": [],
        }
        supported = {point.far for point in calibration.operating_points}
        for far in (far for far in FARS if far in supported):
            point = calibration.operating_point(far)
            is_accepted = llrs >= point.thresholds(speech_s)
            low, high = far_interval(is_accepted, tried, rng)
            row["rates"].append(
                {
                    "requested_far": far,
                    "far": rounded(is_accepted[~tried.labels].mean()),
                    "interval": [rounded(low), rounded(high)],
                    "within": bool(low <= far <= high),
                    "frr": rounded((~is_accepted)[tried.labels].mean()),
                    "expected_frr": rounded(
                        np.mean([point.frr_at(s) for s in speech_s[tried.labels]])
                    ),
                    "far_of_one_threshold": rounded((llrs >= constant[far])[~tried.labels].mean()),
                }
            )
        rows.append(row)
    return rows


def constant_thresholds(
    calibration: Calibration, pairs: Mapping[float, Pairs], fitted: Flags
) -> dict[float, float]:
    """Measure one threshold for all lengths, with equal weights of the lengths."""
    grid = np.linspace(-5, 12, 3401)
    rates = []
    for trials in pairs.values():
        inside = trials.within(fitted)
        llrs = np.sort(calibration.llrs(inside.scores, inside.speech_s)[0][~inside.labels])
        rates.append(1 - np.searchsorted(llrs, grid) / len(llrs))
    mean = np.mean(rates, axis=0)
    return {far: float(grid[np.argmax(mean <= far)]) for far in FARS}


def verdicts_of(
    calibration: Calibration,
    everything: Mapping[float, Pairs],
    members: Flags,
    rng: np.random.Generator,
    *,
    fitted_on: str,
) -> list[dict[str, Any]]:
    """Measure the shares of the verdicts, also for segments too short for a decision."""
    rows: list[dict[str, Any]] = []
    supported = {point.far for point in calibration.operating_points}
    for length_s, trials in sorted(everything.items()):
        inside = trials.within(members)
        for far in (far for far in FARS if far in supported):
            rule = Request(far=far).rule(calibration)
            row: dict[str, Any] = {
                "fitted_on": fitted_on,
                "length_s": length_s,
                "requested_far": far,
            }
            for kind, flags in (("target", inside.labels), ("nontarget", ~inside.labels)):
                drawn = inside.take(rng.permutation(np.flatnonzero(flags))[:TRIALS_OF_A_KIND])
                verdicts = [
                    rule.decide(score, enrolled_speech_s=a_s, probe_speech_s=b_s).verdict
                    # `Verifier` gives these answers without the rule.
                    if min(a_s, b_s) >= calibration.minimum_speech_s
                    else Verdict.INCONCLUSIVE
                    for score, (a_s, b_s) in zip(
                        drawn.scores.tolist(), drawn.speech_s.tolist(), strict=True
                    )
                ]
                row[kind] = {
                    verdict.name: rounded(np.mean([given is verdict for given in verdicts]))
                    for verdict in (Verdict.ACCEPT, Verdict.INCONCLUSIVE, Verdict.REJECT)
                }
            rows.append(row)
    return rows


def other_splits(
    pairs: Mapping[float, Pairs], num_speakers: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Count how often the rate is within the interval for random halves.

    This checks the fixed split. The interval includes only the variation of the tested speakers.
    Less than 95 % is therefore expected.
    """
    inside: dict[float, list[bool]] = {far: [] for far in FARS}
    ratios: dict[float, list[float]] = {far: [] for far in FARS}
    losses: dict[float, list[float]] = {length_s: [] for length_s in pairs}
    for _ in range(SPLITS):
        fitted = np.zeros(num_speakers, bool)
        fitted[rng.permutation(num_speakers)[: num_speakers // 2]] = True
        for row in held_out_rates(fit(pairs, fitted, rng), pairs, fitted, rng, fitted_on="random"):
            losses[row["length_s"]].append(row["cllr"] / row["min_cllr"])
            for rate in row["rates"]:
                inside[rate["requested_far"]].append(rate["within"])
                ratios[rate["requested_far"]].append(rate["far"] / rate["requested_far"])
    return {
        "splits": SPLITS,
        "within_percent": {str(far): round(100 * np.mean(flags)) for far, flags in inside.items()},
        "far_to_requested_5_50_95_percentile": {
            str(far): [round(float(value), 2) for value in np.percentile(listed, [5, 50, 95])]
            for far, listed in ratios.items()
        },
        "cllr_to_min_cllr_median": {
            f"{length_s:g}": round(float(np.median(listed)), 3)
            for length_s, listed in losses.items()
        },
    }


def encodings_of(encoder: Any) -> Encodings:
    """Make the encodings of segments of any corpus."""
    corpora = {(corpus, split) for corpus, split, _ in OTHER_CORPORA}
    listed = [read_length(1.5, corpus=corpus, split=split) for corpus, split in sorted(corpora)] + [
        normalization.cohort_segments(),
        normalization.cohort_segments(narrow=True),
    ]
    return Encodings(
        encoder.encode, sha256=encoder.manifest.weights_sha256, names=speaker_names(listed)
    )


def normalizations(
    encodings: Encodings,
    sides: Mapping[float, Side],
    pairs: Mapping[float, Pairs],
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """Measure rates with and without normalization, on left-out halves and other corpora."""
    minimum_s = 0.8
    others = {}
    for corpus, split, length_s in OTHER_CORPORA:
        side = encodings.side(
            read_length(length_s, corpus=corpus, split=split, per_speaker=OTHER_SEGMENTS)
        )
        others[f"{corpus}-{split}", length_s] = side, compare(side, side).answered(minimum_s)
    methods: dict[str, tuple[Mapping[float, Pairs], dict[tuple[str, float], Pairs]]] = {
        "none": (pairs, {key: trials for key, (_, trials) in others.items()})
    }
    for suffix, narrow in (("", False), (", one corpus", True)):
        cohort = encodings.side(normalization.cohort_segments(narrow=narrow)).embeddings
        scored = {
            length_s: normalization.normalized(trials, sides[length_s], sides[length_s], cohort)
            for length_s, trials in pairs.items()
        }
        scored_elsewhere = {
            key: normalization.normalized(trials, side, side, cohort)
            for key, (side, trials) in others.items()
        }
        for method in ("s-norm", "centered"):
            methods[method + suffix] = (
                {length_s: found[method] for length_s, found in scored.items()},
                {key: found[method] for key, found in scored_elsewhere.items()},
            )
    num_speakers = 1 + max(int(trials.speakers.max()) for trials in pairs.values())
    rows = []
    for method, (at_home, elsewhere) in methods.items():
        both = [(fit(at_home, members, rng), ~members) for _, members in halves(num_speakers)]
        for length_s, trials in at_home.items():
            ways = [figures(calibration, trials.within(tried)) for calibration, tried in both]
            mean = {key: rounded(np.mean([way[key] for way in ways])) for key in ways[0]}
            rows.append({"corpus": DEVELOPMENT[0], "length_s": length_s, "method": method, **mean})
        calibration = fit(at_home, np.ones(num_speakers, bool), rng)
        for (corpus, length_s), trials in elsewhere.items():
            rows.append(
                {
                    "corpus": corpus,
                    "length_s": length_s,
                    "method": method,
                    **figures(calibration, trials),
                }
            )
    return rows


def figures(calibration: Calibration, trials: Pairs) -> dict[str, float]:
    """Compute realized rates at each requested rate, EER and minimum costs."""
    llrs, speech_s = calibration.llrs(trials.scores, trials.speech_s)
    found = {
        "target_trials": float(trials.labels.sum()),
        "eer": rounded(eer(llrs, trials.labels)),
        "cllr": rounded(cllr(llrs, trials.labels)),
        "min_cllr": rounded(min_cllr(llrs, trials.labels)),
        "least_frr_at_far_0.01": rounded(frr_at_far(llrs, trials.labels, far=0.01)),
    }
    for far in FARS:
        is_accepted = llrs >= calibration.operating_point(far).thresholds(speech_s)
        found[f"far_requested_{far:g}"] = rounded(is_accepted[~trials.labels].mean())
    return found


def fixed_threshold(
    benchmark: Benchmark,
    names: list[str],
    sides: Mapping[float, Side],
    pairs: Mapping[float, Pairs],
    rng: np.random.Generator,
) -> list[dict[str, Any]] | None:
    """Compare Resemblyzer with one threshold from the other half with speakersdk.

    Both run the same trials, of the first segments of each speaker.
    """
    peer = resemblyzer.load(benchmark.threads)
    if peer is None:
        return None
    compared_names = names[: 6 if benchmark.smoke else None]
    encodings = Encodings(peer, sha256=resemblyzer.IDENTITY, names=names)
    theirs, ours = {}, {}
    for length_s in PEER_LENGTHS_S[: 1 if benchmark.smoke else None]:
        segments = spoken_by(compared_names, read_length(length_s, per_speaker=PEER_SEGMENTS))
        side = encodings.side(segments)
        wanted = {segment.name for segment in segments}
        chosen = [i for i, at in enumerate(sides[length_s].segments) if at.name in wanted]
        trials = pairs[length_s]
        ours[length_s] = trials.take(np.isin(trials.rows, chosen).all(axis=1))
        theirs[length_s] = (compared := compare(side, side)).with_scores(
            (side.embeddings @ side.embeddings.T)[compared.rows[:, 0], compared.rows[:, 1]]
        )
    rows = []
    for name, members in halves(len(names)):
        calibration = fit(pairs, members, rng)
        inside = [trials.within(members) for trials in theirs.values()]
        strangers = np.concatenate([trials.scores[~trials.labels] for trials in inside])
        threshold = float(np.quantile(strangers, 1 - PEER_FAR))
        for length_s, trials in theirs.items():
            tried, own = trials.within(~members), ours[length_s].within(~members)
            llrs, speech_s = calibration.llrs(own.scores, own.speech_s)
            is_accepted = llrs >= calibration.operating_point(PEER_FAR).thresholds(speech_s)
            rows.append(
                {
                    "fitted_on": name,
                    "length_s": length_s,
                    "threshold": round(threshold, 3),
                    "target_trials": int(tried.labels.sum()),
                    "speakersdk": own.rates(is_accepted),
                    "resemblyzer": tried.rates(tried.scores >= threshold),
                    "resemblyzer at 0.75": tried.rates(tried.scores >= PEER_ADVICE),
                }
            )
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
