"""What a step minimises: the speaker loss over the encoder's embeddings, pairs, the speech head.

One module, so that DistributedDataParallel sees encoder and loss together.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from speakersdk_training.batches import Batch
from speakersdk_training.config import TrainConfig
from speakersdk_training.losses import MarginSoftmax, PairSoftmax, PairwiseKl
from speakersdk_training.models import BlstmEncoder, TdnnEncoder


class Objective(nn.Module):
    """Encoder and losses."""

    def __init__(
        self, config: TrainConfig, encoder: TdnnEncoder | BlstmEncoder, *, num_classes: int
    ) -> None:
        super().__init__()
        self._run = config.run
        self.encoder = encoder
        self.loss = self._make_loss(config, num_classes)
        self.pairs = (
            PairSoftmax(config.pair_softmax, temperature=encoder.temperature)
            if config.pair_softmax.weight
            else None
        )
        # One graph per crop length: fixed shapes give the fastest kernels.
        self._utterance = (
            torch.compile(encoder.utterance, dynamic=False)
            if config.run.compile
            else encoder.utterance
        )

    def _make_loss(self, config: TrainConfig, num_classes: int) -> MarginSoftmax | PairwiseKl:
        if config.run.loss == "pairwise_kl":
            return PairwiseKl(config.pairwise_kl)
        return MarginSoftmax(
            config.margin_softmax,
            embedding_dim=self.encoder.embedding_dim,
            num_classes=num_classes,
            temperature=self.encoder.temperature,
        )

    def forward(self, batch: Batch, *, margin: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of a batch, and its parts.

        Args:
            batch: crops on the encoder's device.
            margin: of this step, for losses that have one.
        """
        device_type = batch.samples.device.type
        is_half = self._run.precision == "bf16"
        inputs = (batch.samples,)
        if batch.feature_weights is not None:
            inputs += (batch.feature_weights,)  # type: ignore[assignment]
        with torch.autocast(device_type, torch.bfloat16, enabled=is_half):
            embeddings, speech_logits = self._utterance(*inputs)
        embeddings = embeddings.float()
        loss = speaker_loss = self._speaker_loss(embeddings, batch, margin)
        parts = {"speaker_loss": speaker_loss.detach()}
        if self.pairs is not None:
            pair_loss = self.pairs(embeddings, batch.classes)
            loss = loss + self.pairs.config.weight * pair_loss
            parts["pair_loss"] = pair_loss.detach()
        if batch.speech is not None and speech_logits is not None:
            speech_loss = functional.binary_cross_entropy_with_logits(
                speech_logits.float(), batch.speech
            )
            loss = loss + self._run.speech_weight * speech_loss
            parts["speech_loss"] = speech_loss.detach()
        return loss, parts

    def _speaker_loss(self, embeddings: Tensor, batch: Batch, margin: float) -> Tensor:
        if isinstance(self.loss, MarginSoftmax):
            loss: Tensor = self.loss(
                embeddings,
                batch.classes,
                margin=margin,
                second=batch.second,
                weight=batch.first_weight,
            )
            return loss
        pair_loss: Tensor = self.loss(embeddings, batch.classes)
        return pair_loss
