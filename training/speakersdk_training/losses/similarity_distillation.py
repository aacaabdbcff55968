"""Distillation: a student's cosines between the crops of a batch become those of its teachers.

Source: F. Tung and G. Mori, "Similarity-preserving knowledge distillation", 2019, eq. 4, with the
mean of several teachers' cosines in the place of one teacher's similarities.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from speakersdk.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityDistillationConfig:
    """Attributes of the loss.

    Attributes:
        teachers: `encoder.pt` of each teacher; none = no distillation.
        weight: of this loss beside the one over prototypes.
    """

    teachers: tuple[str, ...] = ()
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise ConfigError(
                f"expected similarity_distillation.weight of 0 or more, got {self.weight}"
            )


class SimilarityDistillation(nn.Module):
    """Sum over the other crops of the batch of squared differences of cosines, mean over crops."""

    def forward(self, embeddings: Tensor, taught: Tensor) -> Tensor:
        """Loss.

        Args:
            embeddings: (B, D) of the student, any length.
            taught: (B, E) whose inner products are the cosines to be learned.
        """
        if embeddings.dim() != 2 or taught.dim() != 2 or len(embeddings) != len(taught):
            raise ValueError(
                "expected embeddings (B, D) and taught (B, E), got "
                f"{tuple(embeddings.shape)} and {tuple(taught.shape)}"
            )
        directions = functional.normalize(embeddings.float(), dim=1)
        difference = directions @ directions.T - taught @ taught.T
        itself = torch.eye(len(taught), dtype=torch.bool, device=taught.device)
        return difference.masked_fill(itself, 0).square().sum() / len(taught)
