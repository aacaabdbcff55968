"""Training of only the speech head, on the frames of a finished encoder.

The encoder is frozen, and its embeddings stay identical. The head minimizes the cross-entropy
with the speech labels of the clean training audio.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from speakersdk_training.augment.spec_augment import SpecAugmentConfig
from speakersdk_training.augment.tones import TonesConfig
from speakersdk_training.checkpoint import read_checkpoint, save_changed
from speakersdk_training.compute.device import prepare_torch
from speakersdk_training.compute.optim import OptimConfig, make_optimizer
from speakersdk_training.config import SHORTEST_CROP_S, TrainConfig, config_from_dict
from speakersdk_training.data.audio_bank import AudioBank
from speakersdk_training.data.crops import Batch
from speakersdk_training.data.speech_labels import SPEECH_LABEL
from speakersdk_training.errors import TrainingError
from speakersdk_training.fit.bank import read_bank, read_noise, read_rooms
from speakersdk_training.fit.crop_source import CropSource
from speakersdk_training.models.tdnn import TdnnEncoder

_WEIGHT_DECAY = 1e-3
_LOG_EVERY = 50  # steps

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechHeadConfig:
    """The length, batches and data of the training of a speech head.

    Attributes:
        steps: number of optimizer steps.
        budget_s: seconds after which training ends even before its last step; 0 means no limit.
            The learning rate follows the steps or the seconds, whichever is further.
        batch_size: crops per step.
        crop_s: length of the crops in seconds.
        channels: width of the head's hidden layer. 0 means that of the checkpoint, whose head is
            then trained further; another width starts from random weights.
        learning_rate: peak learning rate.
        tones: shares of sounds other than speech.
    """

    steps: int = 2000
    budget_s: float = 0.0
    batch_size: int = 512
    crop_s: float = 2.0
    channels: int = 0
    learning_rate: float = 3e-3
    tones: TonesConfig = field(
        default_factory=lambda: TonesConfig(instead=0.2, beneath=0.15, between=0.15)
    )

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 2 or min(self.budget_s, self.channels) < 0:
            raise TrainingError(
                "expected 1 step, 2 crops, 0 seconds and 0 channels or more, got "
                f"{self.steps}, {self.batch_size}, {self.budget_s:g} and {self.channels}"
            )
        if self.crop_s < SHORTEST_CROP_S or self.learning_rate <= 0:
            raise TrainingError(
                f"expected crops of {SHORTEST_CROP_S} s or more and a learning rate above 0, got "
                f"{self.crop_s:g} s and {self.learning_rate:g}"
            )


def train_speech_head(
    checkpoint: Path, output: Path, *, device: torch.device, training: SpeechHeadConfig
) -> None:
    """Train a speech head on the audio of a checkpoint's configuration; write a new checkpoint.

    Args:
        checkpoint: checkpoint of `fit`.
        output: the checkpoint to write, for `speakersdk-export`.
        device: name of the device to train on.
        training: length, batches and data.

    Raises:
        TrainingError: the encoder has no speech head, there are no speech labels, or the loss is
            NaN.
    """
    content: dict[str, Any] = read_checkpoint(checkpoint)
    config = config_from_dict(content["config"])
    if config.run.encoder != "tdnn" or not config.data.speech_labels:
        raise TrainingError(
            f"expected run.encoder = tdnn and data.speech_labels in {checkpoint}, got "
            f"{config.run.encoder} and {config.data.speech_labels!r}"
        )
    prepare_torch(device)
    torch.manual_seed(config.run.seed)
    channels = training.channels or config.tdnn.speech_channels
    config = replace(config, tdnn=replace(config.tdnn, speech_channels=channels))
    encoder = TdnnEncoder(config.tdnn, config.frontend)
    encoder.load_state_dict(_with_head_of(encoder, content["averaged"]))
    encoder.to(device)
    fit_speech_head(encoder, config, read_bank(config.data, device=device), training)
    save_changed(output, content, config, encoder.state_dict())


def _with_head_of(encoder: TdnnEncoder, trained: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the trained weights, with new ones for a head of another width."""
    own = encoder.state_dict()
    head = {name for name in own if name.startswith("speech.")}
    if all(trained[name].shape == own[name].shape for name in head):
        return trained
    return trained | {name: own[name] for name in head}


def fit_speech_head(
    encoder: TdnnEncoder, config: TrainConfig, bank: AudioBank, training: SpeechHeadConfig
) -> None:
    """Train `encoder.speech`, and nothing else, on augmented crops of a bank with labels."""
    run = replace(config.run, batch_size=training.batch_size, shards=1)
    source = CropSource(
        replace(config, run=run, spec_augment=SpecAugmentConfig(), tones=training.tones),
        bank,
        noise=read_noise(config.data.noise),
        rooms=read_rooms(config.data.rooms),
        # The detector of the labels was reset for every utterance, as in recordings of users.
        from_begin=True,
    )
    crop_samples = round(training.crop_s * config.frontend.sample_rate_hz)
    schedule = OptimConfig(learning_rate=training.learning_rate, weight_decay=_WEIGHT_DECAY)
    optimizer = make_optimizer(schedule, encoder.speech)
    encoder.eval()
    encoder.speech.train()  # its convolutions become matrix products; it has no norms
    begun_s = time.monotonic()
    step, share = 0, 0.0
    while share < 1:
        step += 1
        share = step / training.steps
        if training.budget_s:
            share = max(share, (time.monotonic() - begun_s) / training.budget_s)
        for group in optimizer.param_groups:
            group["lr"] = schedule.learning_rate * schedule.learning_rate_factor(min(share, 1.0))
        batch = source.draw(crop_samples)
        logits = encoder.speech_logits(_features(encoder, batch.samples, run.precision))
        is_speech, counts = _targets(batch)
        losses = functional.binary_cross_entropy_with_logits(logits, is_speech, reduction="none")
        loss = (losses * counts).sum() / counts.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % _LOG_EVERY == 0 or share >= 1:
            wrong = ((logits > 0) != (is_speech > 0)) * counts
            _report(step, float(loss.detach()), float(wrong.sum() / counts.sum()))
    encoder.eval()


@torch.no_grad()
def _features(encoder: TdnnEncoder, samples: Tensor, precision: str) -> Tensor:
    """Compute (B, C, k) float32 features of the frozen encoder from crops (B, n)."""
    cache, _ = encoder.start(len(samples), device=samples.device)
    with torch.autocast(samples.device.type, torch.bfloat16, enabled=precision == "bf16"):
        features, _ = encoder.frame_features(
            encoder.log_mel(functional.pad(samples, (1, 0))), cache
        )
    return features.float()


def _targets(batch: Batch) -> tuple[Tensor, Tensor]:
    """Return two (B, k) float32 masks: frames with speech, and frames that count."""
    if batch.speech is None or batch.first_utterance is None:
        raise TrainingError("expected training audio with speech labels, got it without")
    return (batch.speech >= SPEECH_LABEL).float(), batch.first_utterance.float()


def _report(step: int, loss: float, wrong: float) -> None:
    if not loss < float("inf"):
        raise TrainingError(f"the loss is {loss} at step {step}; lower the learning rate")
    log.info("step %d: loss %.4f, %.2f %% of frames wrong", step, loss, 100 * wrong)
