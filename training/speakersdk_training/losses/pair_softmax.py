"""A softmax over the pairs of a batch: each crop must find the crops of its class.

Source: P. Khosla et al., "Supervised contrastive learning", 2020, eq. 2, with the cosine or the
symmetric KL divergence in place of the inner product.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from speakersdk.errors import ConfigError
from speakersdk_training.losses.batch_pairs import check_batch
from speakersdk_training.losses.margin_softmax import Similarity, similarity_matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSoftmaxConfig:
    """Settings of the loss.

    Attributes:
        weight: weight of this loss relative to the loss over prototypes; 0 means not computed. It
            needs sampler.kind = grouped.
        similarity: similarity of two embeddings.
        scale: inverse temperature of the softmax over the batch.
        margin: margin subtracted from the similarity of pairs of one class.
    """

    weight: float = 0.0
    similarity: Similarity = "cosine"
    scale: float = 15.0
    margin: float = 0.1

    def __post_init__(self) -> None:
        if self.weight < 0 or self.scale <= 0:
            raise ConfigError(
                "expected pair_softmax.weight of 0 or more and scale above 0, got "
                f"{self.weight} and {self.scale}"
            )


class PairSoftmax(nn.Module):
    """The mean of -log softmax over the batch, over all ordered pairs of one class."""

    def __init__(self, config: PairSoftmaxConfig, *, temperature: float) -> None:
        super().__init__()
        self.config = config
        self.temperature = temperature

    def forward(self, embeddings: Tensor, classes: Tensor) -> Tensor:
        """Compute the mean loss of (B, D) embeddings and (B,) classes; 0 without a pair."""
        check_batch(embeddings, classes)
        similarity = similarity_matrix(
            embeddings, embeddings, kind=self.config.similarity, temperature=self.temperature
        )
        itself = torch.eye(len(classes), dtype=torch.bool, device=classes.device)
        pairs = (classes[:, None] == classes[None, :]) & ~itself
        logits = self.config.scale * (similarity - self.config.margin * pairs)
        log_share = torch.log_softmax(logits.masked_fill(itself, -torch.inf), dim=1)
        return -log_share.masked_fill(~pairs, 0).sum() / pairs.sum().clamp(min=1)
