"""The loss that a configuration names, and what of the encoder it looks at."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from speakersdk_training.config import TrainConfig
from speakersdk_training.fit.pair_monitor import CollapseAlarm, pair_statistics, spread_statistics
from speakersdk_training.losses import (
    Ge2e,
    JensenShannon,
    MarginSoftmax,
    PairLikelihood,
    PairwiseKl,
    Prototypical,
)
from speakersdk_training.models import Encoder


class SpeakerLoss(nn.Module):
    """One of the losses; the alarm watches those that compare the crops of a batch."""

    def __init__(self, config: TrainConfig, encoder: Encoder, *, num_classes: int) -> None:
        super().__init__()
        self.criterion = _criterion(config, encoder, num_classes)
        # Outside the module tree: the dense layers after the embedding are the encoder's weights.
        self._head = encoder.head
        self._alarm = CollapseAlarm()

    def forward(
        self,
        embeddings: Tensor,
        classes: Tensor,
        *,
        margin: float,
        second: Tensor | None = None,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Mean loss.

        Args:
            embeddings: (B, D) before scaling; a pair loss looks at what the encoder's dense layers
                make of them.
            classes: (B,) int64.
            margin: of this step, for margin softmax.
            second: (B,) int64 classes of second voices, for margin softmax; None = none.
            weight: (B,) of the first voices, given with `second`.
        """
        value: Tensor
        if isinstance(self.criterion, MarginSoftmax):
            value = self.criterion(embeddings, classes, margin=margin, second=second, weight=weight)
        else:
            value = self.criterion(self._head(embeddings), classes)
        return value

    @torch.no_grad()
    def statistics(self, embeddings: Tensor, classes: Tensor) -> dict[str, float]:
        """Monitors of a batch; distances only of the pairwise KL loss."""
        values = spread_statistics(embeddings)
        if isinstance(self.criterion, PairwiseKl):
            values |= pair_statistics(self.criterion, self._head(embeddings), classes)
        return values

    def alarm(self, loss: float, statistics: dict[str, float]) -> str | None:
        """A warning when nothing is being learned, once; None otherwise."""
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
