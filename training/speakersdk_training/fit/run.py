"""A training run from configuration to checkpoint, with progress bar, log and summary."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from speakersdk.files import replacement
from speakersdk_training.checkpoint import config_to_dict
from speakersdk_training.compute.device import pick_device, prepare_torch
from speakersdk_training.compute.world import World, join_world, leave_world
from speakersdk_training.config import TrainConfig
from speakersdk_training.errors import TrainingError
from speakersdk_training.evaluation.evaluate import load_trial_sets
from speakersdk_training.fit.bank import read_bank, read_noise, read_rooms
from speakersdk_training.fit.trainer import Trainer
from speakersdk_training.teacher.table import load_table

log = logging.getLogger(__name__)


def fit(config: TrainConfig, folder: Path, *, resume: bool = False) -> Trainer:
    """Train an encoder, in all processes under torchrun.

    Args:
        config: the resolved configuration.
        folder: output folder for checkpoint.pt, encoder.pt, config.json, metrics.jsonl,
            training-log.csv, summary.json and TensorBoard events.
        resume: whether to continue from the folder's checkpoint.

    Raises:
        TrainingError: the folder contains another run, data or configuration do not fit, or the run
            does not learn; summary.json contains the same message.
    """
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists() and not resume:
        raise TrainingError(f"{checkpoint} exists; continue with --resume, or name another folder")
    device = pick_device(config.run.device)
    world = join_world(use_cuda=device.type == "cuda")
    if world.size > 1 and config.run.budget_s:
        raise TrainingError("expected run.budget_s = 0 with several processes: clocks differ")
    if world.size > 1 and device.type == "cuda":
        device = torch.device("cuda", world.local_rank)
    prepare_torch(device)
    try:
        trainer = _make_trainer(config, device, world)
        if resume:
            trainer.resume(checkpoint)
        if world.is_first:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "config.json").write_text(json.dumps(config_to_dict(config), indent=1))
            _run_and_report(trainer, folder)
        else:
            trainer.run(folder, report=_nothing)
        world.wait()
        return trainer
    finally:
        leave_world(world)


def _make_trainer(config: TrainConfig, device: torch.device, world: World) -> Trainer:
    shards = config.run.shards
    banks = [
        read_bank(config.data, device=device, shard=shard, num_shards=shards)
        for shard in world.shards(shards)
    ]
    log.info(
        "%d speakers, %.1f h",
        sum(len(bank.speakers) for bank in banks),
        sum(len(bank.samples) for bank in banks) / 16000 / 3600,
    )
    return Trainer(
        config,
        *banks,
        noise=read_noise(config.data.noise),
        rooms=read_rooms(config.data.rooms),
        trial_sets=load_trial_sets(config.trials, device=device) if world.is_first else [],
        world=world,
        teacher=load_table(Path(config.teacher.table)) if config.teacher.table else None,
    )


def _run_and_report(trainer: Trainer, folder: Path) -> None:
    """Run with progress bar, TensorBoard scalars and log; write a summary in any case."""
    run = trainer.config.run
    first_step = trainer.step
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[scalars]}"),
    )
    last: dict[str, float] = {}
    begun_s = time.monotonic()
    with SummaryWriter(str(folder)) as writer, Progress(*columns) as progress:
        task = progress.add_task(run.name, total=run.steps, completed=first_step, scalars="")

        def report(step: int, scalars: dict[str, float]) -> None:
            for name, value in scalars.items():
                writer.add_scalar(name, value, step)
            if "loss" in scalars:
                last.update(scalars)
                _log(folder / "training-log.csv", step, trainer.seconds, scalars)
                text = " ".join(f"{name} {value:.3f}" for name, value in scalars.items())
                progress.update(task, completed=step, scalars=text)
            else:
                progress.console.print(
                    f"step {step} "
                    + " ".join(f"{name} {value:.4f}" for name, value in scalars.items())
                )

        error = ""
        try:
            trainer.run(folder, report=report)
        except TrainingError as failure:
            error = str(failure)
            raise
        finally:
            seconds = time.monotonic() - begun_s
            summary = {
                "name": run.name,
                "finished": not error and trainer.is_done,
                "error": error,
                "step": trainer.step,
                "seconds": round(seconds, 1),  # of this call, including compilation and evaluations
                "steps_per_s": round((trainer.step - first_step) / max(seconds, 1e-9), 3),
                "parameters": sum(each.numel() for each in trainer.encoder.parameters()),
                "last": last,
                "metrics": trainer.metrics,
            }
            text = json.dumps(summary, indent=1) + "\n"
            with replacement(folder / "summary.json", is_private=False) as file:
                file.write(text.encode())


def _log(path: Path, step: int, seconds: float, scalars: dict[str, float]) -> None:
    """Append a line to a table with column names in the first line."""
    if not path.exists():
        path.write_text(",".join(["step", "seconds", *scalars]) + "\n", encoding="utf-8")
    with path.open("a", encoding="utf-8") as file:
        values = [f"{value:.5g}" for value in scalars.values()]
        file.write(",".join([str(step), f"{seconds:.1f}", *values]) + "\n")


def _nothing(step: int, scalars: dict[str, float]) -> None:
    """Report nothing; used in all processes except the first."""
