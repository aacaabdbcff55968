"""The training loop: draw a batch, compute the loss, make a step; evaluate and save."""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from speakersdk_training.checkpoint import (
    config_to_dict,
    load_weights,
    make_encoder,
    read_checkpoint,
    save_checkpoint,
)
from speakersdk_training.compute.captured_call import CapturedCall
from speakersdk_training.compute.optim import make_optimizer
from speakersdk_training.compute.world import World, share_norms
from speakersdk_training.config import TrainConfig, config_from_dict
from speakersdk_training.data.audio_bank import AudioBank
from speakersdk_training.data.crops import Batch, join_batches
from speakersdk_training.errors import TrainingError
from speakersdk_training.evaluation.evaluate import TrialSet
from speakersdk_training.fit.crop_source import CropSource
from speakersdk_training.fit.objective import Objective
from speakersdk_training.models.encoder import Encoder
from speakersdk_training.models.growth import grown_weights
from speakersdk_training.models.tdnn import TdnnEncoder
from speakersdk_training.teacher.table import TeacherTable

_DIVERGED = "lower optim.learning_rate or raise optim.warmup_share"
# Seeds of dropout per step and process, far enough apart that no two runs share one.
_SEEDS_APART = 1_000_003

log = logging.getLogger(__name__)

Report = Callable[[int, dict[str, float]], None]  # step, scalars


@dataclasses.dataclass(frozen=True, slots=True)
class _Step:
    """What a step leaves: scalars, and the embeddings (B, D) and classes (B,) of its crops."""

    scalars: dict[str, Tensor]
    embeddings: Tensor
    classes: Tensor


def _first_weights(
    start: dict[str, Any], config: TrainConfig, encoder: Encoder
) -> dict[str, Tensor]:
    """Return the weights of `run.start_from`, grown if the configuration has more blocks."""
    trained: dict[str, Tensor] = start["averaged"]
    before = config_from_dict(start["config"]).tdnn
    if not isinstance(encoder, TdnnEncoder) or before == config.tdnn:
        return trained
    return grown_weights(trained, before, encoder, new_blocks=config.run.new_blocks)


class Trainer:
    """A training run and its state."""

    def __init__(
        self,
        config: TrainConfig,
        *banks: AudioBank,
        noise: Tensor,
        rooms: list[Tensor],
        trial_sets: list[TrialSet],
        world: World | None = None,
        teacher: TeacherTable | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            config: configuration of the run.
            banks: audio banks of the shards that this process draws.
            noise: (N,) float32 recorded noise; may be empty.
            rooms: recorded impulse responses; may be empty.
            trial_sets: trial lists, which only the first process evaluates.
            world: the processes of the run; None means only this one.
            teacher: a teacher's embeddings of the audio; None means no teacher.
        """
        self.config = config
        self.step = 0
        self.seconds = 0.0
        self.metrics: dict[str, dict[str, float]] = {}
        self._world = world or World()
        if config.run.cuda_graphs and self._world.size > 1:
            raise TrainingError(
                "expected run.cuda_graphs = false for several processes, because a captured step "
                "cannot exchange gradients; add --set run.cuda_graphs=false"
            )
        self._first_loss: float | None = None
        self._trial_sets = trial_sets
        names = {speaker.split("/")[0] for bank in banks for speaker in bank.speakers}
        self._corpora = tuple(sorted(set().union(*self._world.gather(names))))
        self._host_generator = torch.Generator().manual_seed(config.run.seed)
        torch.manual_seed(config.run.seed)
        self._sources = [
            CropSource(config, bank, noise=noise, rooms=rooms, teacher=teacher) for bank in banks
        ]
        self._taught_by = (
            [] if teacher is None else [dataclasses.asdict(each) for each in teacher.teachers]
        )
        encoder = make_encoder(config)
        start = read_checkpoint(Path(config.run.start_from)) if config.run.start_from else {}
        if start:
            load_weights(encoder, _first_weights(start, config, encoder), config.run.start_from)
        share_norms(encoder, self._world)
        self.encoder = encoder.to(banks[0].device)
        objective = Objective(
            config,
            self.encoder,
            num_classes=self._sources[0].num_classes,
            teacher_dim=self._sources[0].teacher_dim,
        ).to(banks[0].device)
        if objective.teacher is not None:
            objective.teacher.start_from(start.get("teacher", {}))
        self.objective = objective
        self._loss = objective.loss
        self.averaged = AveragedModel(
            self.encoder,
            multi_avg_fn=get_ema_multi_avg_fn(  # type: ignore[no-untyped-call]
                config.optim.ema_decay**config.optim.ema_every
            ),
            use_buffers=True,
        )
        modules: list[nn.Module] = [self.encoder, self._loss]
        if objective.teacher is not None:
            modules.append(objective.teacher)
        self._learning_rate = torch.zeros((), device=banks[0].device)
        self._margin = torch.zeros((), device=banks[0].device)
        self._optimizer = make_optimizer(config.optim, *modules, learning_rate=self._learning_rate)
        self._captured: dict[float, CapturedCall[_Step]] = {}
        self._shared_objective: nn.Module = objective

    def run(self, folder: Path, *, report: Report) -> None:
        """Train from the current step to the configured number of steps.

        Args:
            folder: output folder for ``checkpoint.pt``, ``encoder.pt`` and ``metrics.jsonl``.
            report: function called with the step and its scalars every `log_every` steps and after
                each evaluation.
        """
        if self._world.size > 1:
            self._shared_objective = DistributedDataParallel(
                self.objective,
                find_unused_parameters=not self.config.data.speech_labels
                or self.config.run.encoder != "tdnn",
            )
        try:
            self._run(folder, report)
        finally:
            self._shared_objective = self.objective  # it keeps the process group

    def _run(self, folder: Path, report: Report) -> None:
        run = self.config.run
        self._compile()
        before: float | None = None
        while not self.is_done:
            is_logged = (self.step + 1) % run.log_every == 0 or self.step + 1 == run.steps
            scalars = self.train_step(with_statistics=is_logged)
            self.step += 1
            if before is None:  # schedules do not count the first step, which compiles
                float(scalars["loss"])
                before = time.monotonic() - self.seconds
            self.seconds = time.monotonic() - before
            done = self.is_done
            if done or is_logged:
                values = {name: float(value) for name, value in scalars.items()}
                self._require_learning(values["loss"])
                report(self.step, values)
                if warning := self._loss.alarm(values["speaker_loss"], values):
                    log.warning("step %d: %s", self.step, warning)
            evaluates = done or self.step % run.evaluate_every == 0
            saves = done or self.step % run.checkpoint_every == 0
            if evaluates or saves:
                self._require_finite_weights()
            if evaluates and self._world.is_first:
                self._evaluate(folder, report)
            if saves:
                self.save(folder)

    def _compile(self) -> None:
        """Compile for every crop length before the clock starts, without changing a weight."""
        run = self.config.run
        if not run.compile or self.is_done:
            return
        self.encoder.train()
        lengths = {*run.crop_s, *([run.fine_crop_s] if run.fine_share else [])}
        for crop_s in sorted(lengths):
            batch = self.draw_batch(crop_s)
            loss = self.objective(batch, margin=self._margin)[0]
            loss.backward()
        self._optimizer.zero_grad(set_to_none=True)

    @property
    def is_done(self) -> bool:
        """Whether all steps are made or the time is used up."""
        run = self.config.run
        return self.step >= run.steps or 0 < run.budget_s <= self.seconds

    @property
    def progress(self) -> float:
        """The completed share of the run after the current step, by steps or by seconds."""
        run = self.config.run
        share = (self.step + 1) / run.steps
        if run.budget_s:
            share = max(share, self.seconds / run.budget_s)
        return min(share, 1.0)

    def _require_learning(self, loss: float) -> None:
        run = self.config.run
        if not loss < float("inf"):
            raise TrainingError(f"the loss is {loss} at step {self.step}; {_DIVERGED}")
        if self._first_loss is None:
            self._first_loss = loss
            return
        limit = run.give_up_above * self._first_loss
        if run.give_up_after and self.progress >= run.give_up_after and loss > limit:
            raise TrainingError(
                f"the loss is {loss:.3f} at step {self.step}, above run.give_up_above = "
                f"{run.give_up_above:g} of the first, {self._first_loss:.3f}; the run learns "
                "nothing"
            )

    def _require_finite_weights(self) -> None:
        """Check the weights before saving; the loss is checked only every `log_every` steps."""
        if not all(bool(value.isfinite().all()) for value in self.encoder.state_dict().values()):
            raise TrainingError(f"weights are not finite at step {self.step}; {_DIVERGED}")

    def train_step(self, *, with_statistics: bool = False) -> dict[str, Tensor | float]:
        """Make one step; processes share their gradients only within `run`.

        Args:
            with_statistics: whether to compute the monitors of the loss.

        Returns:
            Scalars of the step, some of them still on the device.
        """
        run, optim = self.config.run, self.config.optim
        share = self.progress
        is_fine = bool(run.fine_share) and share > 1 - run.fine_share
        self._learning_rate.fill_(optim.learning_rate * optim.learning_rate_factor(share))
        margin = self.config.margin_softmax.margin * optim.margin_factor(share)
        self._margin.fill_(run.fine_margin if is_fine else margin)
        for source in self._sources:
            source.advance(share)
        self.encoder.train()
        torch.manual_seed(
            run.seed + _SEEDS_APART * (self.step * self._world.size + self._world.rank)
        )
        step = self._make(self._draw_length(is_fine=is_fine))
        if (self.step + 1) % optim.ema_every == 0 or self.step + 1 == run.steps:
            self.averaged.update_parameters(self.encoder)
        monitors: dict[str, float] = {}
        if with_statistics:
            monitors = self._loss.statistics(step.embeddings, step.classes)
        return {**step.scalars, **monitors}

    def _make(self, crop_s: float) -> _Step:
        """Make a step as a captured graph if the configuration asks for one, otherwise directly."""
        if not self.config.run.cuda_graphs or not self._learning_rate.is_cuda:
            return self._update(crop_s)
        if crop_s not in self._captured:
            generators = [source.generator for source in self._sources]
            self._captured[crop_s] = CapturedCall(partial(self._update, crop_s), *generators)
        return self._captured[crop_s]()

    def _update(self, crop_s: float) -> _Step:
        """Draw a batch and update the weights, without waiting for the device."""
        self._optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            batch = self.draw_batch(crop_s)
        loss, parts, embeddings = self._shared_objective(batch, margin=self._margin)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.encoder.parameters(), self.config.optim.clip_norm)
        self._optimizer.step()
        scalars = {"loss": loss.detach(), **parts, "grad_norm": norm.detach()}
        return _Step(scalars=scalars, embeddings=embeddings, classes=batch.classes)

    def _draw_length(self, *, is_fine: bool) -> float:
        run = self.config.run
        choice = int(torch.randint(len(run.crop_s), (1,), generator=self._host_generator))
        return run.fine_crop_s if is_fine else run.crop_s[choice]

    def draw_batch(self, crop_s: float) -> Batch:
        """Draw the crops of all shards of this process."""
        crop_samples = round(crop_s * self.config.frontend.sample_rate_hz)
        return join_batches([source.draw(crop_samples) for source in self._sources])

    def _evaluate(self, folder: Path, report: Report) -> None:
        encoder = cast("Encoder", self.averaged.module).eval()
        # Benchmarking cuDNN's plans took up to 100 GB for a few batches of each length.
        torch.backends.cudnn.benchmark, before = False, torch.backends.cudnn.benchmark
        for trial_set in self._trial_sets:
            metrics = trial_set.evaluate(encoder)
            self.metrics[trial_set.name] = metrics
            report(self.step, {f"{trial_set.name}/{key}": metrics[key] for key in metrics})
        torch.backends.cudnn.benchmark = before
        line = json.dumps({"step": self.step, **self.metrics})
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def save(self, folder: Path) -> None:
        """Write ``encoder.pt`` (for export) and ``checkpoint.pt`` (for resuming).

        All processes must call it; the first one writes.
        """
        random = self._random_state()
        if not self._world.is_first:
            return
        exported = {
            "config": config_to_dict(self.config),
            "step": self.step,
            "averaged": self.averaged.module.state_dict(),
            "training_corpora": list(self._corpora),
            "teachers": self._taught_by,
            "teacher": self._teacher_state(),
            "metrics": self.metrics,
        }
        save_checkpoint(folder / "encoder.pt", exported)
        save_checkpoint(
            folder / "checkpoint.pt",
            {
                **exported,
                "seconds": self.seconds if self.config.run.budget_s else 0.0,
                "first_loss": self._first_loss,
                "encoder": self.encoder.state_dict(),
                "num_averaged": self.averaged.n_averaged,
                "loss": self._loss.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "random": random,
            },
        )

    def resume(self, path: Path) -> None:
        """Continue exactly where a checkpoint of the same configuration stopped.

        The number of processes may differ: draws belong to shards and not to processes.
        """
        content = read_checkpoint(path)
        if content["config"] != config_to_dict(self.config):
            raise TrainingError(
                f"{path} was trained with another configuration; resume with the same one, "
                "or start in another folder"
            )
        self.encoder.load_state_dict(content["encoder"])
        self.averaged.module.load_state_dict(content["averaged"])
        self.averaged.n_averaged.copy_(content["num_averaged"])
        self._loss.load_state_dict(content["loss"])
        if self.objective.teacher is not None:
            self.objective.teacher.load_state_dict(content["teacher"])
        self._optimizer.load_state_dict(content["optimizer"])
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate  # the tensor that a captured step reads
        self._host_generator.set_state(content["random"]["host"])
        for source in self._sources:
            source.generator.set_state(content["random"]["shards"][source.shard])
        self.step, self.metrics = content["step"], content["metrics"]
        self.seconds, self._first_loss = content["seconds"], content["first_loss"]

    def _teacher_state(self) -> dict[str, Any]:
        teacher = self.objective.teacher
        return {} if teacher is None else teacher.state_dict()

    def _random_state(self) -> dict[str, Any]:
        """Collect the random states of all shards from all processes."""
        own = {source.shard: source.generator.get_state() for source in self._sources}
        shards: dict[int, Tensor] = {}
        for part in self._world.gather(own):
            shards |= part
        return {"shards": shards, "host": self._host_generator.get_state()}
