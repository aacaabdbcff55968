"""The training loop: draw, augment, encode, lose, step; evaluate and save on the way."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from speakersdk_training.audio_bank import AudioBank
from speakersdk_training.augment import Augmenter
from speakersdk_training.batches import Batch, CropSampler, speaker_weights
from speakersdk_training.checkpoint import (
    config_to_dict,
    make_encoder,
    read_checkpoint,
    save_checkpoint,
)
from speakersdk_training.config import TrainConfig
from speakersdk_training.errors import TrainingError
from speakersdk_training.evaluate import TrialSet
from speakersdk_training.models import BlstmEncoder, TdnnEncoder
from speakersdk_training.optim import make_optimizer
from speakersdk_training.speaker_draws import make_draw
from speakersdk_training.speaker_loss import SpeakerLoss

_DIVERGED = "lower optim.learning_rate or raise optim.warmup_share"

log = logging.getLogger(__name__)

Report = Callable[[int, dict[str, float]], None]  # step, scalars


class Trainer:
    """One run: everything that changes from step to step."""

    def __init__(
        self,
        config: TrainConfig,
        bank: AudioBank,
        *,
        noise: Tensor,
        rooms: list[Tensor],
        trial_sets: list[TrialSet],
    ) -> None:
        self.config = config
        self.step = 0
        self.metrics: dict[str, dict[str, float]] = {}
        self._trial_sets = trial_sets
        self._corpora = tuple(sorted({speaker.split("/")[0] for speaker in bank.speakers}))
        device = bank.device
        self._generator = torch.Generator(device).manual_seed(config.run.seed)
        self._host_generator = torch.Generator().manual_seed(config.run.seed)
        torch.manual_seed(config.run.seed)
        self._sampler = CropSampler(
            bank,
            config.frontend,
            batch_size=config.run.batch_size,
            speeds=config.data.speeds,
            draw_speakers=make_draw(
                config.sampler,
                bank.speakers,
                speaker_weights(
                    bank,
                    config.frontend.sample_rate_hz,
                    speaker_cap_s=config.data.speaker_cap_s,
                ),
                self._generator,
            ),
            generator=self._generator,
        )
        self._augmenter = Augmenter(
            config.augment,
            sample_rate_hz=config.frontend.sample_rate_hz,
            generator=self._generator,
            responses=rooms,
            noise_bank=noise,
        )
        self.encoder = make_encoder(config).to(device)
        self._loss = SpeakerLoss(config, self.encoder, num_classes=self._sampler.num_classes).to(
            device
        )
        self.averaged = AveragedModel(
            self.encoder,
            multi_avg_fn=get_ema_multi_avg_fn(  # type: ignore[no-untyped-call]
                config.optim.ema_decay
            ),
            use_buffers=True,
        )
        # One graph per crop length: fixed shapes give the fastest kernels.
        self._utterance = (
            torch.compile(self.encoder.utterance, dynamic=False)
            if config.run.compile
            else self.encoder.utterance
        )
        self._optimizer = make_optimizer(config.optim, self.encoder, self._loss)

    def run(self, folder: Path, *, report: Report) -> None:
        """Train to the configured number of steps from wherever the trainer stands.

        Args:
            folder: gets ``checkpoint.pt``, ``encoder.pt`` and ``metrics.jsonl``.
            report: called with the step and its scalars every `log_every` steps and after each
                evaluation.
        """
        run = self.config.run
        while self.step < run.steps:
            last = self.step + 1 == run.steps
            is_logged = last or (self.step + 1) % run.log_every == 0
            scalars = self._train_step(with_statistics=is_logged)
            self.step += 1
            if is_logged:
                values = {name: float(value) for name, value in scalars.items()}
                if not values["loss"] < float("inf"):
                    raise TrainingError(
                        f"the loss is {values['loss']} at step {self.step}; {_DIVERGED}"
                    )
                report(self.step, values)
                if warning := self._loss.alarm(values["speaker_loss"], values):
                    log.warning("step %d: %s", self.step, warning)
            evaluates = last or self.step % run.evaluate_every == 0
            saves = last or self.step % run.checkpoint_every == 0
            if evaluates or saves:
                self._require_finite_weights()
            if evaluates:
                self._evaluate(folder, report)
            if saves:
                self.save(folder)

    def _require_finite_weights(self) -> None:
        """The loss is looked at every `log_every` steps only; a checkpoint must not be lost."""
        if not all(bool(value.isfinite().all()) for value in self.encoder.state_dict().values()):
            raise TrainingError(f"weights are not finite at step {self.step}; {_DIVERGED}")

    def _train_step(self, *, with_statistics: bool) -> dict[str, Tensor | float]:
        run, optim = self.config.run, self.config.optim
        share = self.step / run.steps
        rate = optim.learning_rate * optim.learning_rate_factor(share)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self.encoder.train()
        with torch.no_grad():
            batch = self._draw()
        device_type = batch.samples.device.type
        with torch.autocast(device_type, torch.bfloat16, enabled=run.precision == "bf16"):
            embeddings, speech_logits = self._utterance(batch.samples)
        embeddings = embeddings.float()
        loss = speaker_loss = self._loss(
            embeddings,
            batch.classes,
            margin=self.config.margin_softmax.margin * optim.margin_factor(share),
        )
        scalars: dict[str, Tensor | float] = {"speaker_loss": speaker_loss.detach()}
        if with_statistics:
            scalars |= self._loss.statistics(embeddings.detach(), batch.classes)
        if batch.speech is not None and speech_logits is not None:
            speech_loss = functional.binary_cross_entropy_with_logits(
                speech_logits.float(), batch.speech
            )
            loss = speaker_loss + run.speech_weight * speech_loss
            scalars["speech_loss"] = speech_loss.detach()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.encoder.parameters(), optim.clip_norm)
        self._optimizer.step()
        self.averaged.update_parameters(self.encoder)
        return {"loss": loss.detach(), **scalars, "grad_norm": norm.detach()}

    def _draw(self) -> Batch:
        lengths = self.config.run.crop_s
        choice = int(torch.randint(len(lengths), (1,), generator=self._host_generator))
        batch = self._sampler.draw(round(lengths[choice] * self.config.frontend.sample_rate_hz))
        return Batch(self._augmenter(batch.samples), batch.classes, batch.speech)

    def _evaluate(self, folder: Path, report: Report) -> None:
        encoder = cast("TdnnEncoder | BlstmEncoder", self.averaged.module).eval()
        for trial_set in self._trial_sets:
            metrics = trial_set.evaluate(encoder)
            self.metrics[trial_set.name] = metrics
            report(self.step, {f"{trial_set.name}/{key}": metrics[key] for key in metrics})
        line = json.dumps({"step": self.step, **self.metrics})
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def save(self, folder: Path) -> None:
        """Write ``encoder.pt`` (what an export needs) and ``checkpoint.pt`` (a resume)."""
        exported = {
            "config": config_to_dict(self.config),
            "step": self.step,
            "averaged": self.averaged.module.state_dict(),
            "training_corpora": list(self._corpora),
            "metrics": self.metrics,
        }
        save_checkpoint(folder / "encoder.pt", exported)
        save_checkpoint(
            folder / "checkpoint.pt",
            {
                **exported,
                "encoder": self.encoder.state_dict(),
                "num_averaged": self.averaged.n_averaged,
                "loss": self._loss.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "random": self._random_state(),
            },
        )

    def resume(self, path: Path) -> None:
        """Go on exactly where a checkpoint of the same configuration stopped."""
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
        self._optimizer.load_state_dict(content["optimizer"])
        self._set_random_state(content["random"])
        self.step, self.metrics = content["step"], content["metrics"]

    def _random_state(self) -> dict[str, Any]:
        state = {
            "draws": self._generator.get_state(),
            "host": self._host_generator.get_state(),
            "torch": torch.get_rng_state(),
        }
        if self._generator.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self._generator.device)
        return state

    def _set_random_state(self, state: dict[str, Any]) -> None:
        self._generator.set_state(state["draws"])
        self._host_generator.set_state(state["host"])
        torch.set_rng_state(state["torch"])
        if "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"], self._generator.device)
