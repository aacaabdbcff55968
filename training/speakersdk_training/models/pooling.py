"""Attentive statistics pooling whose attention depends only on each frame.

The statistics of a window are therefore the sum of the partial sums of its hops. After K. Okabe et
al., "Attentive statistics pooling", 2018; a sigmoid per frame replaces the softmax over time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from speakersdk_training.models.convolutions import PointwiseConv

# Variance below this is numerical noise of the float32 sums; it bounds the gradient of sqrt.
_VARIANCE_FLOOR = 1e-4
# A window with less total weight than a hundredth of a frame has no statistics.
_WEIGHT_FLOOR = 1e-2


class AttentiveStatistics(nn.Module):
    """Weighted sums of features and their squares, and the mean and deviation of these."""

    def __init__(self, channels: int, bottleneck: int) -> None:
        super().__init__()
        self.channels = channels
        self.attention = nn.Sequential(
            PointwiseConv(channels, bottleneck), nn.Tanh(), PointwiseConv(bottleneck, channels)
        )

    @property
    def statistics_size(self) -> int:
        """The number of sums: weight, first and second moment for each channel."""
        return 3 * self.channels

    def partial_sums(self, features: Tensor, frame_weights: Tensor) -> Tensor:
        """Compute (B, 3 C) sums of w, w h and w h^2 from features (B, C, k) and weights (B, k)."""
        # Sums of hundreds of frames need float32 in every precision of the encoder.
        weights = torch.sigmoid(self.attention(features)).float() * frame_weights.unsqueeze(1)
        features = features.float()
        weighted = weights * features
        moments = torch.cat([weights, weighted, weighted * features], dim=1)  # (B, 3 C, k)
        return moments.sum(dim=2)

    def mean_and_deviation(self, statistics: Tensor) -> Tensor:
        """Compute (B, 2 C) weighted means and standard deviations from (B, 3 C) sums."""
        weight, first, second = statistics.chunk(3, dim=1)
        weight = weight + _WEIGHT_FLOOR
        mean = first / weight
        variance = torch.clamp(second / weight - mean * mean, min=_VARIANCE_FLOOR)
        return torch.cat([mean, torch.sqrt(variance)], dim=1)
