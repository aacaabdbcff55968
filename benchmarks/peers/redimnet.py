"""ReDimNet-B0: blocks that treat a volume alternately as an image and as a sequence.

Source: Yakovlev et al. 2024, "Reshape dimensions network for speaker recognition", figure 2 and
table 1; sizes of B0 that the paper leaves open are those of the authors' released model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.peers.pooling import AttentiveStatistics

_BANDS = 60
_CHANNELS = 10
_WIDTH = _BANDS * _CHANNELS
# Frequency stride, blocks, channel expansion, reduction of the block in time.
_STAGES = ((1, 2, 1, 30), (2, 3, 2, 30), (1, 3, 3, 30), (2, 4, 2, 10), (1, 3, 1, 10))
_TIME_KERNELS = (7, 19, 31, 59)
_HEADS = 4


class ChannelNorm(nn.Module):
    """Layer normalization over the channels of (B, C, ...)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, features: Tensor) -> Tensor:
        """Normalize features; the shape does not change."""
        normalized: Tensor = self.norm(features.transpose(1, -1))
        return normalized.transpose(1, -1)


class PlaneBlock(nn.Module):
    """Two depthwise-separable 3 x 3 convolutions with a skip connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            nn.Conv2d(channels, channels, 1),
            nn.ReLU(),
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            nn.Conv2d(channels, channels, 1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, planes: Tensor) -> Tensor:
        """Map (B, C, f, k) to the same shape."""
        return functional.relu(planes + self.body(planes))


class TimeLayer(nn.Module):
    """A depthwise convolution in time with a skip connection."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(channels, channels, kernel, padding=kernel // 2, groups=channels),
            nn.BatchNorm1d(channels),
            nn.GELU(),
            nn.Conv1d(channels, channels, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, k) to the same shape."""
        return features + self.body(features)


class Transformer(nn.Module):
    """Self-attention over frames, then two dense layers; normalized after each."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.queries = nn.Linear(channels, channels)
        self.keys = nn.Linear(channels, channels)
        self.values = nn.Linear(channels, channels)
        self.output = nn.Linear(channels, channels)
        self.attention_norm = nn.LayerNorm(channels, eps=1e-6)
        self.dense = nn.Sequential(
            nn.Linear(channels, channels), nn.GELU("tanh"), nn.Linear(channels, channels)
        )
        self.dense_norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, k) to the same shape."""
        rows = features.transpose(1, 2)
        batch, frames, channels = rows.shape

        def heads(projected: Tensor) -> Tensor:
            return projected.reshape(batch, frames, _HEADS, channels // _HEADS).transpose(1, 2)

        scale = (channels // _HEADS) ** -0.5
        queries, keys = heads(self.queries(rows)) * scale, heads(self.keys(rows))
        weights = torch.softmax(queries @ keys.transpose(2, 3), dim=3)
        attended = (weights @ heads(self.values(rows))).transpose(1, 2).reshape(rows.shape)
        rows = self.attention_norm(rows + self.output(attended))
        rows = self.dense_norm(rows + self.dense(rows))
        return rows.transpose(1, 2)


class TimeBlock(nn.Module):
    """Context in time on a reduced number of channels."""

    def __init__(self, reduction: int) -> None:
        super().__init__()
        channels = _WIDTH // reduction
        self.body = nn.Sequential(
            nn.Conv1d(_WIDTH, channels, 1),
            ChannelNorm(channels),
            *(TimeLayer(channels, kernel) for kernel in _TIME_KERNELS),
            Transformer(channels),
            nn.Conv1d(channels, _WIDTH, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C f, k) to the same shape."""
        return features + self.body(features)


class Stage(nn.Module):
    """Blocks on the image, then one on the sequence."""

    def __init__(
        self, channels: int, stride: int, num_blocks: int, expansion: int, reduction: int
    ) -> None:
        super().__init__()
        self.channels = channels
        width, narrow = stride * channels * expansion, stride * channels
        layers: list[nn.Module] = [nn.Conv2d(channels, width, (stride, 1), stride=(stride, 1))]
        layers += [PlaneBlock(width) for _ in range(num_blocks)]
        if expansion != 1:
            layers += [
                nn.Conv2d(width, narrow, 3, padding=1, groups=narrow),
                nn.BatchNorm2d(narrow, eps=1e-6),
                nn.GELU(),
                nn.Conv2d(narrow, narrow, 1),
            ]
        self.planes = nn.Sequential(*layers)
        self.time = TimeBlock(reduction)

    def forward(self, sequence: Tensor) -> Tensor:
        """Map (B, C f, k) to the same shape."""
        batch, _, frames = sequence.shape
        planes = sequence.reshape(batch, -1, self.channels, frames).transpose(1, 2)
        features: Tensor = self.time(_flat(self.planes(planes)))
        return features


def _flat(planes: Tensor) -> Tensor:
    """Map (B, C, f, k) to (B, f C, k)."""
    return planes.transpose(1, 2).flatten(1, 2)


class ReDimNetB0(nn.Module):
    """Five stages, each with a weighted sum of all earlier outputs as its input."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, _CHANNELS, 3, padding=1), ChannelNorm(_CHANNELS))
        channels = _CHANNELS
        stages = []
        for stride, num_blocks, expansion, reduction in _STAGES:
            stages.append(Stage(channels, stride, num_blocks, expansion, reduction))
            channels *= stride
        self.stages = nn.ModuleList(stages)
        self.weights = nn.ParameterList(
            nn.Parameter(torch.zeros(1, number, _WIDTH, 1)) for number in range(2, len(_STAGES) + 2)
        )
        self.pooling = AttentiveStatistics(_WIDTH)
        self.norm = nn.BatchNorm1d(2 * _WIDTH)
        self.embedding = nn.Linear(2 * _WIDTH, 192)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, 60, k) to (B, 192)."""
        outputs = [_flat(self.stem(features.unsqueeze(1)))]
        sequence = outputs[0]
        for stage, weights in zip(self.stages, self.weights, strict=True):
            outputs.append(stage(sequence))
            sequence = (torch.softmax(weights, dim=1) * torch.stack(outputs, dim=1)).sum(1)
        embedding: Tensor = self.embedding(self.norm(self.pooling(sequence)))
        return embedding
