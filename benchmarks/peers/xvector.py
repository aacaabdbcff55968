"""The x-vector TDNN up to its embedding.

Source: Snyder et al. 2018, "X-vectors: robust DNN embeddings for speaker recognition", table 1.
"""

from __future__ import annotations

from torch import Tensor, nn

from benchmarks.peers.pooling import statistics


class XVector(nn.Module):
    """Five layers over frames, pooling, and the affine part of segment6."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        # Inputs, outputs, taps, dilation.
        for channels, width, kernel, dilation in (
            (24, 512, 5, 1), (512, 512, 3, 2), (512, 512, 3, 3), (512, 512, 1, 1), (512, 1500, 1, 1)
        ):  # fmt: skip
            layers += [
                nn.Conv1d(channels, width, kernel, dilation=dilation),
                nn.ReLU(),
                nn.BatchNorm1d(width),
            ]
        self.frames = nn.Sequential(*layers)
        self.segment6 = nn.Linear(3000, 512)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, 24, k) to (B, 512)."""
        embedding: Tensor = self.segment6(statistics(self.frames(features)))
        return embedding
