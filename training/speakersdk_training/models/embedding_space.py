"""The last step before an embedding is scaled: its direction, centred and whitened."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class EmbeddingSpace(nn.Module):
    """(B, D) directions -> (B, D) directions in which training speakers lie evenly around 0.

    Until `speakersdk_training.whitening` has fitted it, nothing is changed.
    Source: D. Garcia-Romero and C. Espy-Wilson, "Analysis of i-vector length normalization in
    speaker recognition systems", 2011.
    """

    centre: Tensor
    whitening: Tensor

    def __init__(self, embedding_dim: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(embedding_dim))
        self.register_buffer("whitening", torch.eye(embedding_dim))

    def forward(self, directions: Tensor) -> Tensor:
        """Both of unit length."""
        return functional.normalize((directions - self.centre) @ self.whitening, dim=1)
