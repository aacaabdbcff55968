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

from speakersdk.errors import ConfigError
from speakersdk_training.losses.batch_pairs import check_batch
from speakersdk_training.losses.symmetric_kl import symmetric_kl_matrix

Similarity = Literal["cosine", "symmetric_kl"]

# This keeps arccos differentiable at equal directions.
_COSINE_LIMIT = 1 - 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginSoftmaxConfig:
    """Settings of the loss.

    Attributes:
        similarity: similarity of an embedding to a speaker's prototype.
        margin_kind: margin on the angle (AAM) or on the similarity (AM).
        scale: s, inverse temperature of the softmax over speakers.
        margin: m, in radians or in units of the similarity.
        label_smoothing: share of the target that is spread over all classes.
        sub_centres: number of prototypes per class, of which the nearest counts; with several,
            atypical crops of a speaker get their own (J. Deng et al., "Sub-center ArcFace", 2020).
    """

    similarity: Similarity = "cosine"
    margin_kind: Literal["angular", "additive"] = "angular"
    scale: float = 30.0
    margin: float = 0.2
    label_smoothing: float = 0.0
    sub_centres: int = 1

    def __post_init__(self) -> None:
        if self.sub_centres < 1:
            raise ConfigError(
                f"expected margin_softmax.sub_centres of 1 or more, got {self.sub_centres}"
            )


class MarginSoftmax(nn.Module):
    """Cross-entropy over prototypes with a margin on the true class."""

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
        rows = num_classes * config.sub_centres
        self.prototypes = nn.Parameter(torch.empty(rows, embedding_dim))
        nn.init.normal_(self.prototypes, std=1 / math.sqrt(embedding_dim))

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
            embeddings: (B, D) of any length.
            classes: (B,) int64 classes.
            margin: margin m of this step (a schedule raises it to `config.margin`); a scalar
                tensor on the device if a captured graph reads it.
            second: (B,) int64 classes of the second voices; None means one voice per crop.
            weight: (B,) weights of the first voices, given with `second`.
        """
        check_batch(embeddings, classes)
        similarity = self.similarity(embeddings)
        loss = self._cross_entropy(similarity, classes, margin)
        if second is None or weight is None:
            return loss.mean()
        other = self._cross_entropy(similarity, second, margin)
        return (weight * loss + (1 - weight) * other).mean()

    def _cross_entropy(self, similarity: Tensor, classes: Tensor, margin: float | Tensor) -> Tensor:
        """Compute (B,) losses from similarities (B, classes), with the margin on the true class."""
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
            logits, classes, label_smoothing=self.config.label_smoothing, reduction="none"
        )

    def similarity(self, embeddings: Tensor) -> Tensor:
        """Compute (B, classes) similarities in [-1, 1] to the nearest prototype of each class."""
        similarity = similarity_matrix(
            embeddings, self.prototypes, kind=self.config.similarity, temperature=self.temperature
        )
        if self.config.sub_centres == 1:
            return similarity
        return similarity.reshape(len(similarity), -1, self.config.sub_centres).amax(dim=2)


def similarity_matrix(
    embeddings: Tensor, others: Tensor, *, kind: Similarity, temperature: float
) -> Tensor:
    """Compute similarities (B, N) in [-1, 1] of (B, D) and (N, D) of any length.

    For small T, the symmetric KL divergence of embeddings of length T is 2 T^2 / D times one minus
    the cosine. (The mean over D is removed from the directions first, because a common offset of
    logits does not count.) Dividing by that factor brings both similarities to one scale.
    """
    directions = functional.normalize(embeddings.float(), dim=1)
    prototypes = functional.normalize(others.float(), dim=1)
    if kind == "cosine":
        return directions @ prototypes.T
    divergence = symmetric_kl_matrix(directions * temperature, prototypes * temperature)
    return 1 - divergence / (2 * temperature**2 / embeddings.shape[1])
