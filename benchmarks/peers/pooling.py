"""Pooling over time: mean and deviation, plain or weighted by attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Less than the variance of any feature that varies.
_VARIANCE_FLOOR = 1e-7


def statistics(features: Tensor) -> Tensor:
    """Compute mean and deviation over time: (B, C, k) to (B, 2 C)."""
    mean = features.mean(2)
    variance = (features - mean.unsqueeze(2)).square().mean(2)
    return torch.cat([mean, torch.sqrt(variance + _VARIANCE_FLOOR)], dim=1)


class AttentiveStatistics(nn.Module):
    """Attention per channel and frame, from the frame and the global mean and deviation.

    Source: Desplanques et al. 2020, ECAPA-TDNN, section 3.1.
    """

    def __init__(self, channels: int, bottleneck: int = 128) -> None:
        super().__init__()
        self.reduce = nn.Conv1d(3 * channels, bottleneck, 1)
        self.expand = nn.Conv1d(bottleneck, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, k) to (B, 2 C)."""
        context = statistics(features).unsqueeze(2).expand(-1, -1, features.shape[2])
        hidden = torch.tanh(self.reduce(torch.cat([features, context], dim=1)))
        weights = torch.softmax(self.expand(hidden), dim=2)
        mean = (weights * features).sum(2)
        variance = (weights * features.square()).sum(2) - mean.square()
        return torch.cat([mean, torch.sqrt(variance.clamp(min=_VARIANCE_FLOOR))], dim=1)
