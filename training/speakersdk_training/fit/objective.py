"""The objective of a step: speaker loss, pair loss, and cross-entropy of the speech head.

It is one module, because DistributedDataParallel needs encoder and losses together.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from speakersdk_training.config import TrainConfig
from speakersdk_training.data.crops import Batch
from speakersdk_training.data.speech_labels import SPEECH_LABEL
from speakersdk_training.fit.speaker_loss import SpeakerLoss
from speakersdk_training.losses.pair_softmax import PairSoftmax
from speakersdk_training.losses.teacher_cosine import TeacherCosine
from speakersdk_training.models.encoder import Encoder
from speakersdk_training.models.tdnn import TdnnEncoder, spoken_weights


class Objective(nn.Module):
    """The encoder and its losses."""

    def __init__(
        self,
        config: TrainConfig,
        encoder: Encoder,
        *,
        num_classes: int,
        teacher_dim: int = 0,
    ) -> None:
        super().__init__()
        self._run, self._taught = config.run, config.teacher
        self.encoder = encoder
        self.loss = SpeakerLoss(config, encoder, num_classes=num_classes)
        self.pairs = (
            PairSoftmax(config.pair_softmax, temperature=encoder.temperature)
            if config.pair_softmax.weight
            else None
        )
        self.teacher = (
            TeacherCosine(embedding_dim=encoder.embedding_dim, teacher_dim=teacher_dim)
            if teacher_dim
            else None
        )
        # One compilation per crop length: fixed shapes give the fastest kernels.
        self._utterance = (
            torch.compile(encoder.utterance, dynamic=False)
            if config.run.compile
            else encoder.utterance
        )

    def forward(
        self, batch: Batch, *, margin: float | Tensor
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Compute the loss of a batch.

        Args:
            batch: crops on the encoder's device.
            margin: margin of this step, for margin softmax.

        Returns:
            The loss, its parts, and the embeddings (B, D) of the crops.
        """
        frame_weights = None
        if batch.speech is not None and isinstance(self.encoder, TdnnEncoder):
            frame_weights = spoken_weights(batch.speech >= SPEECH_LABEL)
        embeddings, speech_logits = self.encode(batch.samples, batch.feature_weights, frame_weights)
        loss = speaker_loss = self.loss(
            embeddings,
            batch.classes,
            margin=margin,
            second=batch.second,
            weight=batch.first_weight,
        )
        parts = {"speaker_loss": speaker_loss.detach()}
        if self.pairs is not None:
            pair_loss = self.pairs(embeddings, batch.classes)
            loss = loss + self.pairs.config.weight * pair_loss
            parts["pair_loss"] = pair_loss.detach()
        if self.teacher is not None and batch.targets is not None:
            distance, pair_distance = self.teacher(embeddings, batch.targets)
            loss = loss + self._taught.weight * distance + self._taught.pair_weight * pair_distance
            parts["teacher_distance"] = distance.detach()
            parts["teacher_pair_distance"] = pair_distance.detach()
        if batch.speech is not None and speech_logits is not None:
            speech_loss = functional.binary_cross_entropy_with_logits(
                speech_logits.float(), batch.speech
            )
            loss = loss + self._run.speech_weight * speech_loss
            parts["speech_loss"] = speech_loss.detach()
        return loss, parts, embeddings.detach()

    def encode(
        self,
        samples: Tensor,
        feature_weights: Tensor | None = None,
        frame_weights: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Encode crops in the configured precision: embeddings (B, D) float32 and speech logits."""
        inputs: list[Tensor | None] = [samples, feature_weights, frame_weights]
        while inputs[-1] is None:  # arguments that only some encoders take
            inputs.pop()
        is_half = self._run.precision == "bf16"
        with torch.autocast(samples.device.type, torch.bfloat16, enabled=is_half):
            embeddings, speech_logits = self._utterance(*inputs)  # type: ignore[arg-type]
        return embeddings.float(), speech_logits
