"""``speakersdk evaluate``: measure error rates on trial lists."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from os.path import normpath
from pathlib import Path
from typing import Any

import numpy as np

from speakersdk.cli import arguments as shared
from speakersdk.cli.output import (
    print_failures,
    print_json,
    print_note,
    print_table,
    progress,
)
from speakersdk.cli.parser import CommandParser
from speakersdk.errors import ConfigError, InvalidAudioError
from speakersdk.evaluation.encode_trials import EncodingJob, JudgedTrials, judge_trials
from speakersdk.evaluation.plots import draw_plots, prepare_plots
from speakersdk.evaluation.report import Figures, ScoredTrials, evaluate, evaluate_conditions
from speakersdk.evaluation.segments import Segment, read_segment_lists, share_audio
from speakersdk.evaluation.trials import (
    Trial,
    count_repeated,
    names_in,
    read_speakers,
    read_trials,
    ready_scores,
    speakers_in_paths,
    used_segments,
)
from speakersdk.files import make_private_folder
from speakersdk.text import counted, printable


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments."""
    parser.inputs.add_argument("trials", nargs="+", type=Path, metavar="TRIALS", help="trial lists")
    parser.inputs.add_argument(
        "--segments", nargs="+", type=Path, default=[], metavar="FILE", help="JSON segment lists"
    )
    parser.inputs.add_argument(
        "--scores",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="given scores: 'enroll probe score' lines",
    )
    parser.requests.add_argument(
        "--llr", action="store_true", help="the given scores are natural log-likelihood ratios"
    )
    parser.requests.add_argument(
        "--raw", action="store_true", help="evaluate raw scores instead of calibrated llrs"
    )
    parser.inputs.add_argument(
        "--speakers", type=Path, metavar="FILE", help="'recording speaker' lines"
    )
    parser.requests.add_argument(
        "--conditions",
        nargs="+",
        default=[],
        metavar="NAME",
        help="names of the columns after the third; report each of their values separately",
    )
    parser.requests.add_argument(
        "--keep-shared-audio",
        action="store_true",
        help="keep trials whose two sides are the same recording, or segments that share samples",
    )
    parser.requests.add_argument(
        "--repeats", type=int, default=200, metavar="N", help="number of speaker resamplings"
    )
    parser.requests.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="number of worker processes"
    )
    parser.places.add_argument(
        "--cache",
        type=Path,
        metavar="FOLDER",
        help="keep the embeddings in FOLDER (they identify people)",
    )
    parser.output.add_argument(
        "--plots", type=Path, metavar="FOLDER", help="write DET and other plots"
    )
    parser.output.add_argument(
        "--plot-format",
        choices=("png", "svg"),
        default="png",
        help="format of the plots (default: %(default)s)",
    )
    shared.add_options(parser, "audio_root", "model", "reading", "json")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate the trials and report."""
    if arguments.jobs < 1 or arguments.repeats < 0:
        raise ConfigError("expected --jobs of at least 1 and --repeats of at least 0")
    if arguments.plots:
        prepare_plots(arguments.plots)
    if arguments.cache:
        make_private_folder(arguments.cache)
    listed = [trial for path in arguments.trials for trial in read_trials(path)]
    # A trial that is listed twice counts twice, as in other programs.
    num_repeated = count_repeated(listed, is_symmetric=not arguments.scores)
    if num_repeated:
        print_note(
            f"found {counted(num_repeated, 'repeated trial')}; each counts; remove the copies if "
            "they are a mistake"
        )
    known = read_segment_lists(arguments.segments)
    kept = listed if arguments.keep_shared_audio else _without_shared_audio(listed, known)
    judged = _judged(arguments, kept, known)
    print_failures(judged.failures)
    trials = _scored_trials(arguments, judged, known)
    figures = evaluate(trials, repeats=arguments.repeats, rng=np.random.default_rng(1))
    by_condition = evaluate_conditions(
        trials, repeats=arguments.repeats, rng=np.random.default_rng(1)
    )
    failed_plots, plots = None, list[Path]()
    try:
        plots = _plots(arguments, trials)
    except OSError as error:  # the figures are shown first: they took longer
        failed_plots = error
    evidence = "llr" if trials.are_llrs else "score"
    counts = {
        "without_answer": len(kept) - len(judged.trials),
        "shared_audio_left_out": len(listed) - len(kept),
        "repeated": num_repeated,
    }
    if arguments.json:
        print_json(
            {
                "evidence": evidence,
                **counts,
                "failed": [asdict(failure) for failure in judged.failures],
                **asdict(figures),
                "conditions": _conditions_to_json(by_condition),
                "plots": [str(path) for path in plots],
            }
        )
    else:
        _print_figures(figures, by_condition, evidence=evidence, counts=counts)
        for path in plots:
            print(f"wrote {printable(path)}", file=sys.stderr)
    if failed_plots is not None:
        raise failed_plots
    return 1 if judged.failures else 0


def _scored_trials(
    arguments: argparse.Namespace, judged: JudgedTrials, known: dict[str, Segment]
) -> ScoredTrials:
    """Return the trials with scores, speakers and conditions."""
    trials = ScoredTrials(
        scores=judged.scores,
        labels=np.array([trial.is_target for trial in judged.trials], dtype=np.bool_),
        are_llrs=judged.are_llrs,
        speakers=_speakers(arguments, judged.trials, known),
        conditions=_conditions(arguments.conditions, judged.trials),
    )
    if not trials.labels.any() or trials.labels.all():
        raise ConfigError(
            f"expected target and nontarget trials, got {trials.labels.sum()} and "
            f"{(~trials.labels).sum()} that can be scored"
        )
    return trials


def _without_shared_audio(listed: list[Trial], known: dict[str, Segment]) -> list[Trial]:
    """Leave out trials whose sides are one recording or share samples."""
    if known:
        used_segments(listed, known)  # refuses unknown names

    def shares_audio(trial: Trial) -> bool:
        if normpath(trial.enroll) == normpath(trial.probe):
            return True
        return bool(known) and share_audio(known[trial.enroll], known[trial.probe])

    return [trial for trial in listed if not shares_audio(trial)]


def _judged(
    arguments: argparse.Namespace, listed: list[Trial], known: dict[str, Segment]
) -> JudgedTrials:
    """Score the trials with the given scores or with the model.

    Raises:
        InvalidAudioError: no recording can be read.
    """
    if arguments.scores:
        return JudgedTrials(
            trials=listed,
            scores=ready_scores(listed, arguments.scores),
            are_llrs=arguments.llr,
            failures=[],
        )
    verifier = shared.open_verifier(arguments)  # refuses an unusable model in this process
    job = EncodingJob(
        model=shared.model_path(arguments),
        root=arguments.audio_root,
        cache=arguments.cache,
        num_processes=arguments.jobs,
        max_duration_s=arguments.max_duration,
        channel=arguments.channel,
    )
    calibration = None if arguments.raw else verifier.manifest.calibration
    with progress("encoded") as report:
        judged = judge_trials(listed, known, job, calibration, progress=report)
    if judged.failures and not judged.trials:
        first = judged.failures[0]
        raise InvalidAudioError(
            f"expected trials with readable recordings, got none: {len(judged.failures)} "
            f"recordings could not be read; the first is {first.name}: {first.reason}"
        )
    return judged


def _speakers(
    arguments: argparse.Namespace, listed: list[Trial], known: dict[str, Segment]
) -> tuple[list[str], list[str]] | None:
    """Return the speakers of both sides of each trial.

    Returns None if a speaker is unknown, or if the speakers contradict the labels of the trials.
    """
    speakers = {name: segment.speaker for name, segment in known.items()}
    names = set(names_in(listed))
    if arguments.speakers:
        speakers |= read_speakers(arguments.speakers)
    else:
        speakers |= speakers_in_paths(names - set(speakers))
    if not names <= set(speakers):
        return None
    enrolled = [speakers[trial.enroll] for trial in listed]
    probes = [speakers[trial.probe] for trial in listed]
    wrong = [
        trial
        for trial, one, other in zip(listed, enrolled, probes, strict=True)
        if trial.is_target != (one == other)
    ]
    if not wrong:
        return enrolled, probes
    first = wrong[0]
    kind = "target" if first.is_target else "nontarget"
    print_note(
        f"no intervals, because the speakers of {counted(len(wrong), 'trial')} contradict the "
        f"labels: {first.enroll} is of {speakers[first.enroll]!r}, {first.probe} is of "
        f"{speakers[first.probe]!r}, and the trial is a {kind} trial; correct the list, or name "
        "the speakers with --speakers"
    )
    return None


def _conditions(names: Sequence[str], listed: list[Trial]) -> dict[str, list[str]]:
    columns = min((len(trial.conditions) for trial in listed), default=0)
    if len(names) > columns:
        raise ConfigError(f"expected {counted(len(names), 'column')} of conditions, got {columns}")
    return {name: [trial.conditions[place] for trial in listed] for place, name in enumerate(names)}


def _plots(arguments: argparse.Namespace, trials: ScoredTrials) -> list[Path]:
    if not arguments.plots:
        return []
    return draw_plots(
        arguments.plots,
        trials.scores,
        trials.labels,
        are_llrs=trials.are_llrs,
        suffix=arguments.plot_format,
    )


def _conditions_to_json(
    by_condition: dict[str, dict[str, Figures | None]],
) -> dict[str, dict[str, dict[str, Any] | None]]:
    return {
        name: {value: None if part is None else asdict(part) for value, part in parts.items()}
        for name, parts in by_condition.items()
    }


def _print_figures(
    figures: Figures,
    by_condition: dict[str, dict[str, Figures | None]],
    *,
    evidence: str,
    counts: dict[str, int],
) -> None:
    num = figures.num_speakers
    speakers = "" if num is None else f" of {counted(num, 'speaker')}"
    print(
        f"{figures.num_target} target and {figures.num_nontarget} nontarget trials{speakers}, "
        f"scored by {evidence}; {counts['without_answer']} without an answer, "
        f"{counts['shared_audio_left_out']} left out because of shared audio"
    )
    columns = [("all", figures)] + [
        (f"{name}={value}", part)
        for name, parts in by_condition.items()
        for value, part in parts.items()
        if part is not None
    ]
    print_table(
        ("metric", *(title for title, _ in columns)),
        [(name, *(_cell(name, part) for _, part in columns)) for name in figures.values],
    )


def _cell(name: str, figures: Figures) -> str:
    """Format a value and its interval. Rates are in percent; costs and bits are unscaled."""
    is_rate = name == "EER" or name.startswith("FRR")

    def text(value: float) -> str:
        return f"{100 * value:.2f} %" if is_rate else f"{value:.3f}"

    value = text(figures.values[name])
    if name not in figures.intervals:
        return value
    low, high = figures.intervals[name]
    return f"{value} [{text(low)}, {text(high)}]"
