"""Margin softmax over the training speakers, on the cosine or on the symmetric KL divergence.

Sources: J. Deng et al., "ArcFace", 2019, eq. 3 (additive angular margin, AAM); F. Wang et al.,
"Additive margin softmax", 2018, eq. 6 (AM).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from speakersdk_training.losses.symmetric_kl import symmetric_kl_matrix

# Keeps arccos differentiable at equal directions.
_COSINE_LIMIT = 1 - 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginSoftmaxConfig:
    """Attributes of the loss.

    Attributes:
        similarity: what compares an embedding with a speaker's prototype.
        margin_kind: angular (AAM) or additive on the similarity (AM).
        scale: s, inverse temperature of the softmax over speakers.
        margin: m, in radians or in units of the similarity.
        label_smoothing: share of the target given to all classes.
    """

    similarity: Literal["cosine", "symmetric_kl"] = "cosine"
    margin_kind: Literal["angular", "additive"] = "angular"
    scale: float = 30.0
    margin: float = 0.2
    label_smoothing: float = 0.0


class MarginSoftmax(nn.Module):
    """Cross-entropy over prototypes, made harder by a margin on the true class."""

    def __init__(
        self,
        config: MarginSoftmaxConfig,
        *,
        embedding_dim: int,
        num_classes: int,
        temperature: float,
    ) -> None:
        super().__init__()
        self.config = config
        self.temperature = temperature
        self.prototypes = nn.Parameter(torch.empty(num_classes, embedding_dim))
        nn.init.normal_(self.prototypes, std=1 / math.sqrt(embedding_dim))

    def forward(self, embeddings: Tensor, classes: Tensor, *, margin: float) -> Tensor:
        """Mean loss.

        Args:
            embeddings: (B, D), any length.
            classes: (B,) int64.
            margin: m of this step (a schedule raises it to `config.margin`).
        """
        if embeddings.dim() != 2 or classes.shape != embeddings.shape[:1]:
            raise ValueError(
                "expected embeddings (B, D) and classes (B,), got "
                f"{tuple(embeddings.shape)} and {tuple(classes.shape)}"
            )
        similarity = self.similarity(embeddings)
        rows = torch.arange(len(classes), device=classes.device)
        own = similarity[rows, classes]
        if self.config.margin_kind == "angular":
            angle = torch.acos(own.clamp(-_COSINE_LIMIT, _COSINE_LIMIT))
            # Beyond pi the cosine would rise again.
            shifted = torch.cos((angle + margin).clamp(max=math.pi))
        else:
            shifted = own - margin
        logits = self.config.scale * similarity.index_put((rows, classes), shifted)
        return functional.cross_entropy(
            logits, classes, label_smoothing=self.config.label_smoothing
        )

    def similarity(self, embeddings: Tensor) -> Tensor:
        """(B, D) -> (B, classes) in [-1, 1].

        The symmetric KL divergence of embeddings of length T is, for small T, T^2 / D times twice
        one minus the cosine (of directions whose mean over D is removed, for a common offset of
        logits does not count); dividing by that factor brings both similarities to one scale.
        """
        directions = functional.normalize(embeddings.float(), dim=1)
        prototypes = functional.normalize(self.prototypes.float(), dim=1)
        if self.config.similarity == "cosine":
            return directions @ prototypes.T
        divergence = symmetric_kl_matrix(
            directions * self.temperature, prototypes * self.temperature
        )
        factor = 2 * self.temperature**2 / embeddings.shape[1]
        return 1 - divergence / factor
