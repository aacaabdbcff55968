"""Losses between a student's and a teacher's embeddings: through a linear map, and in pairs.

Sources: the cosine distance to a teacher's embedding, S. Wang et al., "Knowledge distillation for
small foot-print deep speaker embedding", 2019; pairs, F. Tung and G. Mori, "Similarity-preserving
knowledge distillation", 2019.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class TeacherCosine(nn.Module):
    """A linear map of the student's embeddings, and both distances to the teacher's."""

    def __init__(self, *, embedding_dim: int, teacher_dim: int) -> None:
        super().__init__()
        self.projection = nn.Linear(embedding_dim, teacher_dim, bias=False)

    def start_from(self, trained: dict[str, Tensor]) -> None:
        """Take over a trained map if it has the same dimensions; keep the random one if not."""
        own = self.state_dict()
        if all(name in trained and trained[name].shape == own[name].shape for name in own):
            self.load_state_dict(trained)

    def forward(self, embeddings: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the mean distances.

        Args:
            embeddings: (B, D) of any length.
            targets: (B, E) of length 1.

        Returns:
            One minus the cosine, and the squared difference of cosines over pairs of crops.
        """
        mapped = functional.normalize(self.projection(embeddings.float()), dim=1)
        distance = 1 - (mapped * targets).sum(dim=1).mean()
        directions = functional.normalize(embeddings.float(), dim=1)
        difference = directions @ directions.T - targets @ targets.T
        size = len(embeddings)
        apart = 1 - torch.eye(size, device=embeddings.device)
        pairs = (difference.square() * apart).sum() / max(size * (size - 1), 1)
        return distance, pairs
