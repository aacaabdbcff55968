"""The loss that the configuration names, applied to the encoder's outputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from speakersdk_training.config import TrainConfig
from speakersdk_training.fit.pair_monitor import CollapseAlarm, pair_statistics, spread_statistics
from speakersdk_training.losses.jensen_shannon import JensenShannon
from speakersdk_training.losses.margin_softmax import MarginSoftmax
from speakersdk_training.losses.pair_likelihood import PairLikelihood
from speakersdk_training.losses.pairwise_kl import PairwiseKl
from speakersdk_training.losses.prototypical import Ge2e, Prototypical
from speakersdk_training.models.encoder import Encoder


class SpeakerLoss(nn.Module):
    """One of the losses, with an alarm for those that compare the crops of a batch."""

    def __init__(self, config: TrainConfig, encoder: Encoder, *, num_classes: int) -> None:
        super().__init__()
        self.criterion = _criterion(config, encoder, num_classes)
        # Not in the module tree, because the dense layers after the embedding belong to the
        # encoder.
        self._head = encoder.head
        self._alarm = CollapseAlarm()

    def forward(
        self,
        embeddings: Tensor,
        classes: Tensor,
        *,
        margin: float | Tensor,
        second: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Compute the mean loss of a batch.

        Args:
            embeddings: (B, D) before scaling; a pair loss compares the outputs of the encoder's
                dense layers after them.
            classes: (B,) int64 classes.
            margin: margin of this step, for margin softmax.
            second: (B,) int64 classes of second voices, for margin softmax; None means none.
            weight: (B,) weights of the first voices, given with `second`.
        """
        value: Tensor
        if isinstance(self.criterion, MarginSoftmax):
            value = self.criterion(embeddings, classes, margin=margin, second=second, weight=weight)
        else:
            value = self.criterion(self._head(embeddings), classes)
        return value

    @torch.no_grad()
    def statistics(self, embeddings: Tensor, classes: Tensor) -> dict[str, float]:
        """Compute the monitors of a batch; only the pairwise KL loss has distances."""
        values = spread_statistics(embeddings)
        if isinstance(self.criterion, PairwiseKl):
            values |= pair_statistics(self.criterion, self._head(embeddings), classes)
        return values

    def alarm(self, loss: float, statistics: dict[str, float]) -> str | None:
        """Return a single warning if the run does not learn, otherwise None."""
        criterion = self.criterion
        margin = criterion.config.margin if isinstance(criterion, PairwiseKl) else 1.0
        return self._alarm.look(loss, statistics, margin=margin)


def _criterion(config: TrainConfig, encoder: Encoder, num_classes: int) -> nn.Module:
    match config.run.loss:
        case "pairwise_kl":
            return PairwiseKl(config.pairwise_kl)
        case "pair_likelihood":
            return PairLikelihood(config.pair_likelihood)
        case "jensen_shannon":
            return JensenShannon(config.jensen_shannon)
        case "prototypical":
            return Prototypical(config.prototypical)
        case "ge2e":
            return Ge2e(config.prototypical)
        case "margin_softmax":
            return MarginSoftmax(
                config.margin_softmax,
                embedding_dim=encoder.embedding_dim,
                num_classes=num_classes,
                temperature=encoder.temperature,
            )
