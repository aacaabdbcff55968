"""A training run from configuration to checkpoint, with progress bar and TensorBoard scalars."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from speakersdk_training.checkpoint import config_to_dict
from speakersdk_training.config import TrainConfig
from speakersdk_training.errors import TrainingError
from speakersdk_training.evaluate import load_trial_sets
from speakersdk_training.loop import Trainer
from speakersdk_training.sources import read_bank, read_noise, read_rooms

log = logging.getLogger(__name__)


def fit(config: TrainConfig, folder: Path, *, resume: bool = False) -> Trainer:
    """Train an encoder.

    Args:
        config: the resolved configuration.
        folder: gets checkpoint.pt, encoder.pt, config.json, metrics.jsonl and TensorBoard events.
        resume: go on from the folder's checkpoint.

    Raises:
        TrainingError: the folder holds another run, or data or configuration do not fit.
    """
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists() and not resume:
        raise TrainingError(f"{checkpoint} exists; go on with --resume, or name another folder")
    device = pick_device(config.run.device)
    # The log-mel front end needs true float32 products; the encoder itself runs in bf16.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    bank = read_bank(config.data, device=device)
    log.info("%d speakers, %.1f h", len(bank.speakers), len(bank.samples) / 16000 / 3600)
    trainer = Trainer(
        config,
        bank,
        noise=read_noise(config.data.noise),
        rooms=read_rooms(config.data.rooms),
        trial_sets=load_trial_sets(config.trials, device=device),
    )
    if resume:
        trainer.resume(checkpoint)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config_to_dict(config), indent=1))
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[scalars]}"),
    )
    with SummaryWriter(str(folder)) as writer, Progress(*columns) as progress:
        task = progress.add_task(
            config.run.name, total=config.run.steps, completed=trainer.step, scalars=""
        )

        def report(step: int, scalars: dict[str, float]) -> None:
            for name, value in scalars.items():
                writer.add_scalar(name, value, step)
            if "loss" in scalars:
                text = " ".join(f"{name} {value:.3f}" for name, value in scalars.items())
                progress.update(task, completed=step, scalars=text)
            else:
                progress.console.print(
                    f"step {step} "
                    + " ".join(f"{name} {value:.4f}" for name, value in scalars.items())
                )

        trainer.run(folder, report=report)
    return trainer


def pick_device(name: str) -> torch.device:
    """The device of a name; ``auto`` is CUDA where there is a GPU.

    Raises:
        TrainingError: not such a name, or CUDA was named and there is none.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise TrainingError(f"expected cpu, cuda, cuda:N or auto, got {name!r}")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise TrainingError(f"device {name!r}: torch {torch.__version__} sees no CUDA GPU")
    return torch.device(name)
