"""CAM++: a densely connected TDNN whose layers are masked by their context.

Source: Wang et al. 2023, "CAM++: a fast and efficient network for speaker verification using
context-aware masking", figure 1 and section 2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.peers.pooling import statistics
from benchmarks.peers.resnet import BasicBlock

_GROWTH = 32
_BOTTLENECK = 128
_SEGMENT_FRAMES = 100


def _normalised(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm1d(channels), nn.ReLU())


class MaskedLayer(nn.Module):
    """A dense layer: bottleneck, convolution in time, and a mask from whole and segment means."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.reduce = nn.Sequential(
            _normalised(channels),
            nn.Conv1d(channels, _BOTTLENECK, 1, bias=False),
            _normalised(_BOTTLENECK),
        )
        self.local = nn.Conv1d(
            _BOTTLENECK, _GROWTH, 3, padding=dilation, dilation=dilation, bias=False
        )
        self.mask = nn.Sequential(
            nn.Conv1d(_BOTTLENECK, _BOTTLENECK // 2, 1),
            nn.ReLU(),
            nn.Conv1d(_BOTTLENECK // 2, _GROWTH, 1),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, k) -> (B, C + growth, k)."""
        hidden = self.reduce(features)
        segments = functional.avg_pool1d(hidden, _SEGMENT_FRAMES, ceil_mode=True)
        spread = segments.repeat_interleave(_SEGMENT_FRAMES, dim=2)[:, :, : hidden.shape[2]]
        mask = self.mask(hidden.mean(2, keepdim=True) + spread)
        return torch.cat([features, self.local(hidden) * mask], dim=1)


class CampPlus(nn.Module):
    """Two-dimensional front, then three dense blocks at half the frame rate."""

    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            *(BasicBlock(32, 32, (stride, 1)) for stride in (2, 1, 2, 1)),
            nn.Conv2d(32, 32, 3, stride=(2, 1), padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
        )
        layers: list[nn.Module] = [
            nn.Conv1d(320, 128, 5, stride=2, padding=2, bias=False),
            _normalised(128),
        ]
        channels = 128
        for num_layers, dilation in ((12, 1), (24, 2), (16, 2)):
            layers += [
                MaskedLayer(channels + number * _GROWTH, dilation) for number in range(num_layers)
            ]
            channels += num_layers * _GROWTH
            layers += [
                _normalised(channels),
                nn.Conv1d(channels, channels // 2, 1, bias=False),
            ]
            channels //= 2
        layers.append(_normalised(channels))
        self.dense = nn.Sequential(*layers)
        self.embedding = nn.Linear(2 * channels, 512, bias=False)
        self.norm = nn.BatchNorm1d(512, affine=False)

    def forward(self, features: Tensor) -> Tensor:
        """(B, 80, k) -> (B, 512)."""
        planes = self.front(features.unsqueeze(1))
        embedding: Tensor = self.norm(self.embedding(statistics(self.dense(planes.flatten(1, 2)))))
        return embedding
