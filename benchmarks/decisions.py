"""Decisions: does the false-accept rate that is asked for hold on speakers that nobody fitted on?

The development speakers of speechocean762 are split into two halves (every other name). The
calibration is fitted on one half and its thresholds tried on the other, both ways. All pairs of
segments of one length are compared, but for those that share audio. Needs the speech corpora
(`../shared/data`, or another folder in SPEAKERSDK_SPEECH_DATA); draws docs/decisions.svg.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from _harness import REPOSITORY, Benchmark
from speakersdk.calibration import Calibration, fit_calibration
from speakersdk.encoder import SpeakerEncoder, load_encoder
from speakersdk.metrics import cllr, min_cllr
from speakersdk.models import default_model_path
from speakersdk.scoring import symmetric_kl_matrix
from speakersdk.trials import Segment, read_segments, share_audio
from speakersdk_training.corpus import read_packs
from speakersdk_training.trial_audio import read_segment_audio
from speakersdk_training.trial_lists import cut_segments

DATA = Path(os.environ.get("SPEAKERSDK_SPEECH_DATA", REPOSITORY.parent / "shared" / "data"))
CORPUS = "speechocean762"
LENGTHS_S = (1.5, 3.0, 6.0, 10.0)
FARS = (0.05, 0.01, 0.001)
# Trials of each length and kind in a fit, so that no length outweighs the others.
FIT_TARGETS, FIT_NONTARGETS = 6_000, 25_000
DRAWS = 1000
SPLITS = 8

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """All trials of one length: scores (N,), labels (N,), speech (N, 2), speaker numbers (N, 2)."""

    scores: Floats
    labels: Flags
    speech_s: Floats
    speakers: npt.NDArray[np.int64]

    def within(self, members: Flags) -> Pairs:
        """Those whose speakers are both members."""
        return self.take(np.flatnonzero(members[self.speakers].all(axis=1)))

    def take(self, indices: npt.NDArray[np.int64]) -> Pairs:
        """Some of them."""
        return Pairs(
            scores=self.scores[indices],
            labels=self.labels[indices],
            speech_s=self.speech_s[indices],
            speakers=self.speakers[indices],
        )


def main() -> int:
    """Fit on one half, count on the other, both ways, at every length and rate."""
    benchmark = Benchmark(
        name="decisions", question="Does the asked-for false-accept rate hold on other speakers?"
    )
    if not (DATA / "manifest.jsonl").is_file():
        print(f"no speech corpora in {DATA}; set SPEAKERSDK_SPEECH_DATA", file=sys.stderr)
        return 2
    encoder = load_encoder(default_model_path())
    calibration = encoder.manifest.calibration
    if calibration is None:
        print("the bundled model has no calibration", file=sys.stderr)
        return 2
    by_length = {length_s: read_length(length_s) for length_s in LENGTHS_S}
    names = sorted({segment.speaker for listed in by_length.values() for segment in listed})
    if benchmark.smoke:  # few speakers, all of whose rates have too few trials to be of interest
        names = names[:24]
        chosen = set(names)
        by_length = {
            length_s: [segment for segment in listed if segment.speaker in chosen]
            for length_s, listed in by_length.items()
        }
    pairs = {
        length_s: compare(encoder, listed, names, calibration.minimum_speech_s)
        for length_s, listed in by_length.items()
    }
    benchmark.record("model", encoder.manifest.name)
    benchmark.record("weights_sha256", encoder.manifest.weights_sha256)
    benchmark.record("speakers", len(names))
    rng = np.random.default_rng(1)
    even = np.arange(len(names)) % 2 == 0
    rows = [row for fitted in (even, ~even) for row in one_way(pairs, fitted, rng)]
    benchmark.record("rows", rows)
    benchmark.record("other splits", None if benchmark.smoke else other_splits(pairs, rng))
    for row in rows:
        print(text_of(row))
    benchmark.finish()
    if not benchmark.smoke:
        draw(rows, REPOSITORY / "docs" / "decisions.svg")
    return 0


def read_length(length_s: float) -> list[Segment]:
    """The corpus' development segments of a length: the fixed ones where there are such."""
    fixed = DATA / "trials" / f"segments-{length_s:.1f}s.jsonl"
    if fixed.is_file():
        listed = read_segments(fixed).values()
        return [segment for segment in listed if segment.speaker.startswith(f"{CORPUS}/")]
    utterances = [
        utterance
        for utterance in read_packs(DATA)
        if utterance.corpus == CORPUS and utterance.split == "dev"
    ]
    return cut_segments(utterances, DATA, duration_s=length_s)


def compare(
    encoder: SpeakerEncoder, segments: list[Segment], names: list[str], minimum_s: float
) -> Pairs:
    """Score every pair of segments with enough speech that has no audio in common."""
    audio = read_segment_audio(segments, DATA, num_workers=1)
    encodings = [encoder.encode(audio[segment.name]) for segment in segments]
    kept = [i for i, encoding in enumerate(encodings) if encoding.speech_s >= minimum_s]
    embeddings = np.stack([encodings[i].embedding for i in kept])
    speech_s = np.array([encodings[i].speech_s for i in kept])
    speakers = np.array([names.index(segments[i].speaker) for i in kept])
    one, other = np.triu_indices(len(kept), 1)
    labels = speakers[one] == speakers[other]
    # Only segments of one speaker can have audio in common.
    shared = np.zeros(len(labels), bool)
    for pair in np.flatnonzero(labels):
        shared[pair] = share_audio(segments[kept[one[pair]]], segments[kept[other[pair]]])
    one, other = one[~shared], other[~shared]
    return Pairs(
        scores=-symmetric_kl_matrix(embeddings, embeddings)[one, other],
        labels=labels[~shared],
        speech_s=np.column_stack([speech_s[one], speech_s[other]]),
        speakers=np.column_stack([speakers[one], speakers[other]]),
    )


def one_way(
    pairs: dict[float, Pairs], fitted: Flags, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Fit on the speakers that are set, count on the others; one row a length."""
    calibration = fit(pairs, fitted, rng)
    constant = constant_thresholds(calibration, pairs, fitted)
    rows = []
    for length_s, trials in pairs.items():
        tried = trials.within(~fitted)
        llrs, speech_s = evidence(calibration, tried)
        row: dict[str, Any] = {
            "fitted_on": "even" if fitted[0] else "odd",
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
            thresholds = point.llr + point.llr_slope * np.log(speech_s)
            accepted = llrs >= thresholds
            low, high = interval(accepted, tried, rng)
            expected_frr = np.mean([point.frr_at(s) for s in speech_s[tried.labels]])
            undecided = ~accepted & (llrs > 0) & (frr_at(point, speech_s) > 0.5)
            row["rates"].append(
                {
                    "asked_far": far,
                    "far": rounded(accepted[~tried.labels].mean()),
                    "interval": [rounded(low), rounded(high)],
                    "within": bool(low <= far <= high),
                    "frr": rounded((~accepted)[tried.labels].mean()),
                    "expected_frr": rounded(expected_frr),
                    "inconclusive_of_targets": rounded(undecided[tried.labels].mean()),
                    "far_of_one_threshold": rounded((llrs >= constant[far])[~tried.labels].mean()),
                }
            )
        rows.append(row)
    return rows


def fit(pairs: dict[float, Pairs], fitted: Flags, rng: np.random.Generator) -> Calibration:
    """The calibration of some speakers, on as many trials of each length."""
    drawn = []
    for trials in pairs.values():
        inside = trials.within(fitted)
        for kind, most in ((inside.labels, FIT_TARGETS), (~inside.labels, FIT_NONTARGETS)):
            drawn.append(inside.take(rng.permutation(np.flatnonzero(kind))[:most]))
    return fit_calibration(
        np.concatenate([trials.scores for trials in drawn]),
        np.concatenate([trials.labels for trials in drawn]),
        np.concatenate([trials.speech_s for trials in drawn]),
    )


def constant_thresholds(
    calibration: Calibration, pairs: dict[float, Pairs], fitted: Flags
) -> dict[float, float]:
    """For comparison: one threshold for all lengths, each of which weighs the same."""
    grid = np.linspace(-5, 12, 3401)
    rates = []
    for trials in pairs.values():
        inside = trials.within(fitted)
        llrs = np.sort(evidence(calibration, inside)[0][~inside.labels])
        rates.append(1 - np.searchsorted(llrs, grid) / len(llrs))
    mean = np.mean(rates, axis=0)
    return {far: float(grid[np.argmax(mean <= far)]) for far in FARS}


def evidence(calibration: Calibration, trials: Pairs) -> tuple[Floats, Floats]:
    """(N,) llr and (N,) comparable speech; `Calibration.llr` for many trials at once."""
    sides = np.clip(trials.speech_s, calibration.minimum_speech_s, calibration.maximum_speech_s)
    speech_s = 2 / (1 / sides).sum(axis=1)
    log_speech = np.log(speech_s)
    slopes = calibration.scale + calibration.speech_scale * log_speech
    llrs = calibration.offset + slopes * trials.scores + calibration.speech_weight * log_speech
    return llrs, speech_s


def frr_at(point: Any, speech_s: Floats) -> Floats:
    """`OperatingPoint.frr_at` for many trials at once."""
    rates: Floats = 1 / (1 + np.exp(-(point.frr_logit + point.frr_slope * np.log(speech_s))))
    return rates


def interval(accepted: Flags, trials: Pairs, rng: np.random.Generator) -> tuple[float, float]:
    """95 % interval of the false-accept rate when speakers are drawn again.

    As `speakersdk.metrics.bootstrap_interval`, by counts of each pair of speakers.
    """
    numbers, sides = np.unique(trials.speakers, return_inverse=True)
    sides = sides.reshape(trials.speakers.shape)[~trials.labels]
    size = len(numbers)
    cells = sides[:, 0] * size + sides[:, 1]
    counts = np.bincount(cells, minlength=size**2).reshape(size, size).astype(float)
    errors = np.bincount(cells, accepted[~trials.labels], minlength=size**2).reshape(size, size)
    draws = rng.multinomial(size, np.full(size, 1 / size), DRAWS).astype(float)
    rates = ((draws @ errors) * draws).sum(axis=1) / ((draws @ counts) * draws).sum(axis=1)
    low, high = np.quantile(rates, [0.025, 0.975])
    return float(low), float(high)


def other_splits(pairs: dict[float, Pairs], rng: np.random.Generator) -> dict[str, Any]:
    """How often the rate lies within the interval over random halves: is the one split lucky?

    The interval knows the scatter of the speakers tried, not that of those fitted on, so that less
    than 95 % are expected.
    """
    size = 1 + max(int(trials.speakers.max()) for trials in pairs.values())
    inside: dict[float, list[bool]] = {far: [] for far in FARS}
    ratios: dict[float, list[float]] = {far: [] for far in FARS}
    losses: list[float] = []
    for _ in range(SPLITS):
        fitted = np.zeros(size, bool)
        fitted[rng.permutation(size)[: size // 2]] = True
        for row in one_way(pairs, fitted, rng):
            losses.append(row["cllr"] / row["min_cllr"])
            for rate in row["rates"]:
                inside[rate["asked_far"]].append(rate["within"])
                ratios[rate["asked_far"]].append(rate["far"] / rate["asked_far"])
    return {
        "splits": SPLITS,
        "within_percent": {str(far): round(100 * np.mean(flags)) for far, flags in inside.items()},
        "far_to_asked_5_50_95_percentile": {
            str(far): [round(float(value), 2) for value in np.percentile(listed, [5, 50, 95])]
            for far, listed in ratios.items()
        },
        "cllr_to_min_cllr_50_95_percentile": [
            round(float(value), 3) for value in np.percentile(losses, [50, 95])
        ],
    }


def rounded(rate: Any) -> float:
    """Enough digits for 0.1 %."""
    return round(float(rate), 6)


def text_of(row: dict[str, Any]) -> str:
    """One line of the table, in percent."""
    rates = "  ".join(
        f"{100 * rate['asked_far']:g}: {100 * rate['far']:.2f} "
        f"[{100 * rate['interval'][0]:.2f}, {100 * rate['interval'][1]:.2f}]"
        f"{'' if rate['within'] else ' OUTSIDE'} frr {100 * rate['frr']:.1f}"
        for rate in row["rates"]
    )
    loss = row["cllr"] / row["min_cllr"] - 1
    return (
        f"{row['fitted_on']:4} {row['length_s']:4g} s  {rates}  "
        f"Cllr {row['cllr']:.3f} (min {row['min_cllr']:.3f}, {loss:+.0%})"
    )


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Realised against asked-for rates, with intervals, and with one threshold for all lengths."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # Text stays text, and a second run writes the same bytes.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "decisions"})
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    for axes, far in zip(figure.subplots(1, len(FARS)), FARS, strict=True):
        for shift, (half, colour) in enumerate((("even", "tab:blue"), ("odd", "tab:orange"))):
            listed = [row for row in rows if row["fitted_on"] == half]
            lengths = np.array([row["length_s"] for row in listed]) * (0.98 + 0.04 * shift)
            rates = [
                next(rate for rate in row["rates"] if rate["asked_far"] == far) for row in listed
            ]
            realised = np.array([rate["far"] for rate in rates])
            low, high = np.array([rate["interval"] for rate in rates]).T
            axes.errorbar(
                lengths,
                100 * realised,
                100 * np.array([realised - low, high - realised]),
                fmt="o",
                color=colour,
                label=f"fitted on {half} speakers",
            )
            axes.plot(
                lengths,
                [100 * rate["far_of_one_threshold"] for rate in rates],
                ":",
                color=colour,
                label="one threshold",
            )
        axes.axhline(100 * far, color="black", linewidth=0.8)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(LENGTHS_S, [f"{length_s:g}" for length_s in LENGTHS_S])
        axes.set_xticks([], minor=True)
        axes.set_title(f"asked for {100 * far:g} %", fontsize=10)
        axes.set_xlabel("seconds of audio, each side")
    figure.axes[0].set_ylabel("false-accept rate, %")
    figure.axes[0].legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    raise SystemExit(main())
