"""An ablation of why a pairwise KL network does not learn, and of the effect of each repair.

    python -m benchmarks.ablation.seed_ablation    # all rungs, four seeds, for a GPU
    python -m benchmarks.ablation.seed_ablation --units 64 --steps 300 --seeds 1 --dev-speakers 40
    python -m benchmarks.ablation.seed_ablation --steps 0 --only "as asked"    # untrained networks
    python -m benchmarks.ablation.seed_ablation --draw RESULT.json    # draw a stored result in
    docs/

It trains every rung of `rungs.py` on the same speech corpora, and measures it on unseen speakers.
The result file is rewritten after every run; `--resume RESULT` continues from the runs of a result.
Runs are processes that share the GPU. Runs that do not fit into `--budget-s` are left out; a run
that fails stops all.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.ablation.report import document, draw, table
from benchmarks.harness import corpora
from benchmarks.harness.measure import REPOSITORY, RESULTS, conditions
from speakersdk.evaluation.pool import workers
from speakersdk.files import replacement

if TYPE_CHECKING:
    import torch

QUESTION = "Why does a pairwise KL network not learn, and what is each repair worth?"
DOCUMENT = REPOSITORY / "docs" / "experiments" / "why-it-did-not-learn.md"
# According to the papers, which used 10,000 steps, the MR is stable from here on.
STEPS = 5000
_LAST_MINUTE_S = 30.0  # time reserved for measuring at the end of the budget


def main() -> int:
    """Run the command line."""
    options = build_parser().parse_args()
    if options.draw:
        report = json.loads(options.draw.read_text(encoding="utf-8"))
        if report["settings"]["steps"]:
            draw(report, DOCUMENT.with_suffix(".svg"))
        document(report, DOCUMENT)
        print("\n".join(table(report)))
        return 0
    if not options.smoke:
        corpora.require()
    if options.resume and not options.resume.is_file():
        print(f"no result at {options.resume}", file=sys.stderr)
        return 2
    from speakersdk_training.compute.device import pick_device

    device = pick_device("cpu" if options.smoke else options.device)
    if device.type == "cpu" and not options.smoke and not is_reduced(options):
        print("a full ladder takes days without a GPU; see --units and --steps", file=sys.stderr)
        return 2
    report = run_all(options, device)
    print("\n".join([QUESTION, "", *table(report), ""]))
    print(json.dumps({key: report[key] for key in ("name", "settings", "conditions")}))
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(description=QUESTION)
    parser.add_argument("--smoke", action="store_true", help="tiny runs on noise, nothing kept")
    parser.add_argument("--draw", type=Path, metavar="RESULT", help="a stored result into docs/")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    parser.add_argument("--resume", type=Path, metavar="RESULT", help="keep this result's runs")
    parser.add_argument("--device", default="auto", help="cpu | cuda | cuda:N | auto")
    parser.add_argument("--workers", type=int, help="runs at a time; default 1, on a GPU 8")
    parser.add_argument("--budget-s", type=float, default=480.0, help="seconds for all of it")
    parser.add_argument("--steps", type=int, default=STEPS, help="0: measure untrained networks")
    parser.add_argument("--seeds", type=int, default=4, help="runs of each rung")
    parser.add_argument("--units", type=int, help="of every LSTM, for small runs")
    parser.add_argument("--dev-speakers", type=int, default=125, help="whose trials are scored")
    parser.add_argument("--only", nargs="+", metavar="RUNG", help="names of rungs")
    return parser


def is_reduced(options: argparse.Namespace) -> bool:
    """Return whether the runs are too small for a comparison with published systems."""
    return options.steps < STEPS or options.units is not None


def run_all(options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Run everything, the most informative runs first, and return the report."""
    from benchmarks.ablation.features import read_features, synthetic_features

    start_s = time.time()
    if options.smoke:
        options.steps, options.seeds, options.units = 4, 1, 4
        features = synthetic_features(speakers=6, rng=np.random.default_rng(1))
    else:
        features = read_features(corpora.DATA, dev_speakers=options.dev_speakers, device=device)
    num_processes = options.workers or (8 if device.type == "cuda" else 1)
    report = new_report(options, device=str(device), num_processes=num_processes, features=features)
    if options.resume:
        report["runs"] = runs_of(options.resume, report["settings"])
    path = options.results / f"{report['conditions']['date_utc'][:10]}-{report['name']}.json"
    done = {(run["rung"], run["seed"]) for run in report["runs"]}
    waiting = [
        run
        for run in planned(options, num_speakers=len(features.voice_group))
        if (run.rung.name, run.seed) not in done
    ]
    with tempfile.TemporaryDirectory() as folder:
        stored_features = Path(folder) / "features.npz"
        features.save(stored_features)
        for result in results(
            waiting, stored_features, device=str(device), num_processes=num_processes,
            deadline_s=start_s + options.budget_s,
        ):  # fmt: skip
            print(summary(result), file=sys.stderr, flush=True)
            if result["outcome"] == "stopped":  # out of time, without a result of this rung
                continue
            report["runs"].append(result)
            report["seconds"] = round(time.time() - start_s, 1)
            if not options.smoke:
                write(report, path)
    return report


def runs_of(result: Path, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Read the runs of a stored result.

    Raises:
        SystemExit: the result was made with other settings, which are printed.
    """
    stored = json.loads(result.read_text(encoding="utf-8"))
    if stored["settings"] != settings:
        print(f"{result}: made with {stored['settings']}, not with {settings}", file=sys.stderr)
        raise SystemExit(2)
    runs: list[dict[str, Any]] = stored["runs"]
    return runs


def planned(options: argparse.Namespace, *, num_speakers: int) -> list[Any]:
    """Plan every rung once, then the papers' system and ours again, then the others."""
    from benchmarks.ablation.rungs import OURS, PAPER, ladder, rivals
    from benchmarks.ablation.training import Run

    steps = ladder(num_speakers, units=options.units) + rivals(num_speakers, units=options.units)
    rungs = [rung for rung in steps if not options.only or rung.name in options.only]
    if options.smoke:
        rungs = [replace(rung, batch_size=16) for rung in rungs]
        rungs = [replace(rung, sampler=replace(rung.sampler, per_speaker=4)) for rung in rungs]
    runs = [
        Run(rung, seed, options.steps) for seed in range(1, options.seeds + 1) for rung in rungs
    ]
    return sorted(runs, key=lambda run: (run.seed > 1, run.rung.name not in (PAPER, OURS)))


def results(
    runs: list[Any], features: Path, *, device: str, num_processes: int, deadline_s: float
) -> Iterator[dict[str, Any]]:
    """Yield results as they come. No run starts that cannot end in time; a failure ends all.

    Raises:
        InferenceError: a process died.
        Exception: any error of a run.
    """
    work = partial(_work, features=features, device=device)
    last_step_s = deadline_s - _LAST_MINUTE_S
    waiting = [replace(run, deadline_s=last_step_s) for run in runs]
    quickest_s = 0.0  # shortest training of the finished runs
    with workers(min(num_processes, max(len(waiting), 1))) as pool:
        pending: set[Future[dict[str, Any]]] = set()
        while waiting or pending:
            # A run that cannot finish takes GPU time from those that can.
            has_time = time.time() + quickest_s < last_step_s
            while waiting and len(pending) < num_processes and has_time:
                pending.add(pool.submit(work, waiting.pop(0)))
            if not pending:
                print(f"out of time: {len(waiting)} runs left out", file=sys.stderr)
                return
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            # A measured run is kept even if another failed at the same time.
            for future in sorted(finished, key=lambda done: done.exception() is not None):
                result = future.result()
                if result["outcome"] == "done":
                    quickest_s = min(quickest_s or math.inf, result["seconds"])
                yield result


def _work(run: Any, *, features: Path, device: str) -> dict[str, Any]:
    """Train and measure a network in a worker process."""
    import torch

    from benchmarks.ablation.training import train_and_measure

    torch.set_num_threads(1)
    return train_and_measure(run, _features_of_process(features), torch.device(device))


@lru_cache(maxsize=1)
def _features_of_process(path: Path) -> Any:
    """Return the features, which each process loads once."""
    from benchmarks.ablation.features import load_features

    return load_features(path)


def new_report(
    options: argparse.Namespace, *, device: str, num_processes: int, features: Any
) -> dict[str, Any]:
    """Make the report before the first run."""
    return {
        "name": "seed-ablation" if options.steps else "seed-untrained",
        "question": QUESTION,
        "conditions": conditions(num_processes) | {"device": _device_name(device)},
        "settings": {
            "steps": options.steps,
            "units": options.units,
            "train_speakers": len(features.voice_group),
            "dev_speakers": options.dev_speakers,
            "clustered_speakers": int(features.clustered.speaker.max()) + 1,
            "target_trials": int(features.trials[:, 2].sum()),
            "nontarget_trials": int((1 - features.trials[:, 2]).sum()),
            "is_reduced": is_reduced(options),
        },
        "seconds": 0.0,
        "runs": [],
    }


def _device_name(device: str) -> str:
    import torch

    return torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu"


def summary(result: dict[str, Any]) -> str:
    """Summarize a run in one line."""
    text = f"{result['rung']}, seed {result['seed']}: {result['outcome']}, {result['seconds']} s"
    if "eer" not in result:
        return text
    return f"{text}, EER {100 * result['eer']:.2f} %, MR {100 * result['mr']:.2f} %"


def write(report: dict[str, Any], path: Path) -> None:
    """Replace the result file as a whole. A run is one line, because its loss has many points."""
    path.parent.mkdir(parents=True, exist_ok=True)
    runs = ",\n".join(json.dumps(run, allow_nan=False) for run in report["runs"])
    rest = json.dumps({**report, "runs": []}, indent=1, allow_nan=False)
    text = rest.replace('"runs": []', f'"runs": [\n{runs}\n ]')
    with replacement(path, is_private=False) as file:
        file.write(f"{text}\n".encode())


if __name__ == "__main__":
    raise SystemExit(main())
