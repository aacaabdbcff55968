"""ECAPA-TDNN with 512 channels.

Source: Desplanques, Thienpondt and Demuynck 2020, "ECAPA-TDNN: emphasized channel attention,
propagation and aggregation in TDNN based speaker verification", figures 1 and 2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.peers.pooling import AttentiveStatistics

_CHANNELS = 512
_SCALE = 8
_BOTTLENECK = 128


def _layer(channels: int, width: int, kernel: int = 1, dilation: int = 1) -> nn.Sequential:
    padding = (kernel - 1) // 2 * dilation
    return nn.Sequential(
        nn.Conv1d(channels, width, kernel, padding=padding, dilation=dilation),
        nn.ReLU(),
        nn.BatchNorm1d(width),
    )


class Res2Layer(nn.Module):
    """Groups of channels, each convolved together with the result of the previous one."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        width = _CHANNELS // _SCALE
        self.groups = nn.ModuleList(_layer(width, width, 3, dilation) for _ in range(_SCALE - 1))

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, k) to (B, C, k)."""
        first, *others = features.chunk(_SCALE, dim=1)
        outputs = [first]
        for group, part in zip(self.groups, others, strict=True):
            outputs.append(group(part if len(outputs) == 1 else part + outputs[-1]))
        return torch.cat(outputs, dim=1)


class SqueezeExcitation(nn.Module):
    """A gain per channel from its mean over time."""

    def __init__(self) -> None:
        super().__init__()
        self.gains = nn.Sequential(
            nn.Linear(_CHANNELS, _BOTTLENECK),
            nn.ReLU(),
            nn.Linear(_BOTTLENECK, _CHANNELS),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, k) to (B, C, k)."""
        gains: Tensor = self.gains(features.mean(2))
        return features * gains.unsqueeze(2)


class EcapaTdnn(nn.Module):
    """Three SE-Res2 blocks, their outputs joined, attentive statistics with global context."""

    def __init__(self) -> None:
        super().__init__()
        self.first = _layer(80, _CHANNELS, 5)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                _layer(_CHANNELS, _CHANNELS),
                Res2Layer(dilation),
                _layer(_CHANNELS, _CHANNELS),
                SqueezeExcitation(),
            )
            for dilation in (2, 3, 4)
        )
        self.join = nn.Sequential(nn.Conv1d(3 * _CHANNELS, 3 * _CHANNELS, 1), nn.ReLU())
        self.pooling = AttentiveStatistics(3 * _CHANNELS)
        self.norm = nn.BatchNorm1d(6 * _CHANNELS)
        self.embedding = nn.Linear(6 * _CHANNELS, 192)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, 80, k) to (B, 192)."""
        hidden = self.first(features)
        outputs = []
        for block in self.blocks:
            hidden = hidden + block(hidden)
            outputs.append(hidden)
        pooled = self.pooling(self.join(torch.cat(outputs, dim=1)))
        embedding: Tensor = self.embedding(self.norm(pooled))
        return embedding
