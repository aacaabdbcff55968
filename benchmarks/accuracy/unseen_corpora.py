"""Unseen corpora: error rates of trained encoders by corpus, duration and condition.

    python -m benchmarks.accuracy.unseen_corpora runs/arch-front runs/arch-plain    # from `fit`

Each run is evaluated on the trial lists of its configuration, with clean enrollments and probes in
every condition (training/speakersdk_training/evaluation/conditions.py). The result says whether the
run was trained on the corpus of a list; recipes are chosen on left-out corpora. Without a run, the
bundled model is evaluated on the speakers that its training left out, in recordings that were not
made in one session. `--few N` keeps N trials of each list with more than N recordings;
`--resemblyzer` also evaluates Resemblyzer and `--model FILE.onnx` an adopted encoder; as far as is
known, they were trained on none of these corpora. `--earlier RESULT.json` takes the rows of these
peers from an earlier result with the same trials: they change only with the lists, and take most of
the time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.accuracy.models import trials_of_one_file
from benchmarks.harness.left_out import left_out_lists
from benchmarks.harness.measure import REPOSITORY, Benchmark
from benchmarks.harness.rates import eer_rates
from benchmarks.peers import resemblyzer
from speakersdk.encoder.load import load_encoder as runtime_encoder
from speakersdk.errors import AudioTooShortError
from speakersdk.evaluation.segments import read_segments
from speakersdk.evaluation.trials import read_trials, used_segments
from speakersdk.metrics import eer
from speakersdk.models import default_model_path
from speakersdk_training.checkpoint import load_encoder, read_checkpoint
from speakersdk_training.compute.device import pick_device
from speakersdk_training.config import TrialsConfig, config_from_dict
from speakersdk_training.evaluation.conditions import CONDITIONS
from speakersdk_training.evaluation.evaluate import TrialSet

DEFAULT = REPOSITORY / "models" / "default" / "encoder.pt"
BOOTSTRAP_DRAWS = 200
Embed = Callable[[list[Tensor]], Tensor]  # maps recordings, each (n,), to (number of recordings, D)
SMOKE = -1
_SMOKE_STEP = 5


def main() -> int:
    """Evaluate every run and print geometric means over unseen corpora."""
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", type=Path, nargs="*", help="folders of `speakersdk-train fit`")
    parser.add_argument("--few", type=int, default=0, metavar="N", help="trials of a long list")
    parser.add_argument("--resemblyzer", action="store_true", help="measure Resemblyzer, too")
    parser.add_argument("--model", type=Path, action="append", default=[], help="a file, likewise")
    parser.add_argument("--earlier", type=Path, help="result with the rows of the peers")
    parser.add_argument("--seconds", type=float, nargs="+", default=[3.0, 1.5], help="of segments")
    parser.add_argument("--conditions", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    benchmark = Benchmark(
        name="unseen-corpora",
        question="How often are encoders wrong on corpora and in conditions "
        "outside their training?",
        parser=parser,
    )
    options = benchmark.options
    for folder in options.runs:
        if not (folder / "encoder.pt").is_file():
            parser.error(f"expected folders that hold an encoder.pt, got {folder}")
    few = SMOKE if benchmark.smoke else options.few
    trial_sets = TrialSets(pick_device("auto"), few=few)
    for folder in options.runs:
        if not evaluate_run(benchmark, folder, trial_sets):
            print("found none of the trial lists; see docs/training.md", file=sys.stderr)
            return 2
    if not options.runs:
        trial_sets.read_left_out(options.seconds)
    files = [*options.model] if options.runs else [default_model_path(), *options.model]
    systems = {path.stem: file_embeddings(path) for path in files}
    if options.resemblyzer and (peer := peers_embeddings()) is not None:
        systems[resemblyzer.IDENTITY] = peer
    earlier = json.loads(options.earlier.read_text())["facts"] if options.earlier else {}
    for name, embed in systems.items():
        rows = []
        for trial_set in trial_sets.known.values():
            scores = partial(trial_set.scores_of, remembered(embed))
            known = {} if name == default_model_path().stem else earlier
            rows += earlier_rows(known, name, trial_set, options.conditions) or evaluated(
                trial_set, scores, options.conditions
            )
        record(benchmark, name, [{**row, "trained_on": False} for row in rows])
    benchmark.finish()
    return 0


class TrialSets:
    """The trial lists of all runs, each of which is read once.

    Attributes:
        device: device of the audio.
        known: the lists so far, by name.
    """

    def __init__(self, device: torch.device, *, few: int) -> None:
        self.device = device
        self.known: dict[str, TrialSet] = {}
        self._few = few

    def read(self, trials: TrialsConfig) -> TrialSet:
        """Read a list, or return the one that was read before."""
        if trials.name not in self.known:
            self.known[trials.name] = read_trial_set(trials, self.device, few=self._few)
        return self.known[trials.name]

    def read_left_out(self, seconds: list[float]) -> None:
        """Read the lists of speakers that the training of the bundled model left out."""
        config = config_from_dict(read_checkpoint(DEFAULT)["config"])
        is_smoke = self._few == SMOKE
        with tempfile.TemporaryDirectory() as drawn:
            lists = left_out_lists(config, Path(drawn), seconds=seconds[: 1 if is_smoke else None])
            for trials in lists[: 1 if is_smoke else None]:
                self.read(trials)


def evaluate_run(benchmark: Benchmark, folder: Path, trial_sets: TrialSets) -> bool:
    """Evaluate the encoder of a run on the lists of its configuration; False without any list."""
    encoder, info = load_encoder(folder / "encoder.pt")
    config = config_from_dict(read_checkpoint(folder / "encoder.pt")["config"])
    lists = [trials for trials in config.trials if Path(trials.trials).is_file()]
    rows: list[dict[str, Any]] = []
    for trials in lists[: 1 if benchmark.smoke else None]:
        trial_set = trial_sets.read(trials)
        scores = partial(trial_set.scores, encoder.to(trial_sets.device))
        is_trained_on = corpus_of(trials) in info.training_corpora
        rows += [
            {**row, "trained_on": is_trained_on}
            for row in evaluated(trial_set, scores, benchmark.options.conditions)
        ]
    record(benchmark, folder.name, rows)
    return bool(lists)


def peers_embeddings() -> Embed | None:
    """Return Resemblyzer as an embedding function; None if it is not installed."""
    encode = resemblyzer.load(1)
    if encode is None:
        return None
    return lambda audio: torch.from_numpy(np.stack([encode(x.numpy()).embedding for x in audio]))


def file_embeddings(path: Path) -> Embed:
    """Return a model file as an embedding function, with NaN for too little speech."""
    encoder = runtime_encoder(path)
    none = np.full(encoder.manifest.embedding_dim, np.nan, np.float32)

    def one(samples: Tensor) -> Any:
        try:
            return encoder.encode(samples.numpy()).embedding
        except AudioTooShortError:
            return none

    return lambda audio: torch.from_numpy(np.stack([one(samples) for samples in audio]))


def earlier_rows(
    facts: dict[str, Any], name: str, trial_set: TrialSet, conditions: list[str]
) -> list[dict[str, Any]]:
    """Return a system's rows of an earlier result, or none unless all have as many trials."""
    rows = [facts.get(f"{name}: {trial_set.name}, {condition}") for condition in conditions]
    counted = ("target_trials", "nontarget_trials", "unanswered_trials")
    num_trials = len(trial_set.labels)
    found = [row for row in rows if row and sum(row[key] for key in counted) == num_trials]
    return found if len(found) == len(rows) else []


def remembered(embed: Embed) -> Embed:
    """Return the function with a cache of the enrollments' embeddings for all conditions."""
    first: list[tuple[list[Tensor], Tensor]] = []

    def once(audio: list[Tensor]) -> Tensor:
        if first and first[0][0] is audio:
            return first[0][1]
        embeddings = embed(audio)
        if not first:
            first.append((audio, embeddings))
        return embeddings

    return once


def record(benchmark: Benchmark, name: str, rows: list[dict[str, Any]]) -> None:
    """Record all rows and the geometric means."""
    for row in rows:
        benchmark.record(f"{name}: {row['trials']}, {row['condition']}", row)
    unseen = [row for row in rows if not row["trained_on"]]
    for score in ("j", "cosine"):
        # No error in N target trials counts as half an error.
        rates = [max(row[f"eer_{score}_percent"], 50 / row["target_trials"]) for row in unseen]
        if rates:
            mean = round(float(np.exp(np.mean(np.log(rates)))), 3)
            benchmark.record(f"{name}: geometric mean over unseen, {score}", mean)


def read_trial_set(trials: TrialsConfig, device: torch.device, *, few: int) -> TrialSet:
    """Read a list, or a few of its trials; a smoke run uses trials of one file.

    A list with at most `few` recordings is kept whole: its trials cost nothing more.
    """
    known = read_segments(Path(trials.segments))
    listed = read_trials(Path(trials.trials))
    if few != SMOKE:
        is_short = len(used_segments(listed, known)) <= few
        return TrialSet(trials, device=device, few=0 if is_short else few)
    kept = trials_of_one_file(listed, known)[::_SMOKE_STEP]
    with tempfile.TemporaryDirectory() as folder:
        short = Path(folder) / "trials.txt"
        short.write_text(
            "".join(f"{trial.is_target:d} {trial.enroll} {trial.probe}\n" for trial in kept)
        )
        return TrialSet(replace(trials, trials=str(short)), device=device)


def corpus_of(trials: TrialsConfig) -> str:
    """Return the corpus of a list named CORPUS-SECONDS or CORPUS-heard-SECONDS."""
    return trials.name.rsplit("-", 1)[0].removesuffix("-heard")


def evaluated(
    trial_set: TrialSet, scores: Callable[..., Any], conditions: list[str]
) -> list[dict[str, Any]]:
    """Evaluate a row per condition: EER by both scores, and the bootstrap interval by J."""
    rows = []
    for condition in conditions:
        degrade = None if condition == "clean" else CONDITIONS[condition]
        divergence, cosine = scores(condition=degrade)
        is_answered = np.isfinite(divergence)
        divergence, cosine = divergence[is_answered], cosine[is_answered]
        labels = trial_set.labels[is_answered]
        speakers = tuple(list(compress(side, is_answered)) for side in trial_set.speakers)
        rates = eer_rates(divergence, labels, speakers, draws=BOOTSTRAP_DRAWS)
        rows.append(
            {
                "trials": trial_set.name,
                "condition": condition,
                "eer_j_percent": rates["eer_percent"],
                "eer_j_interval_percent": rates["eer_interval_percent"],
                "eer_cosine_percent": round(100 * eer(cosine, labels), 2),
                "target_trials": rates["target_trials"],
                "unanswered_trials": int((~is_answered).sum()),
                "nontarget_trials": rates["nontarget_trials"],
            }
        )
    return rows


if __name__ == "__main__":
    torch.set_num_threads(1)
    raise SystemExit(main())
