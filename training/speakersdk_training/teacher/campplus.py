"""CAM++: a densely connected TDNN whose layers are masked by their context.

Layers have the names of the published checkpoints, which therefore load by name.
Source: H. Wang et al., "CAM++: a fast and efficient network for speaker verification using
context-aware masking", 2023, figure 1 and section 2; names of 3D-Speaker (Apache-2.0).
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from speakersdk_training.teacher.residual_block import ResidualBlock

NUM_MELS = 80
EMBEDDING_DIM = 192
_PLANES = 32
_GROWTH = 32
_BOTTLENECK = 128
_SEGMENT_FRAMES = 100
_BLOCKS = ((12, 1), (24, 2), (16, 2))  # layers and dilation of each dense block
_VARIANCE_FLOOR = 1e-8


def _normalized(channels: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict([("batchnorm", nn.BatchNorm1d(channels)), ("relu", nn.ReLU())])
    )


def _planar_block(stride: int) -> ResidualBlock:
    """Return a block with a stride along the bands only."""
    return ResidualBlock(_PLANES, _PLANES, (stride, 1))


class _PlanarFront(nn.Module):
    """2-D convolutions from 80 bands to 10 bands of 32 planes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, _PLANES, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(_PLANES)
        self.layer1 = nn.Sequential(_planar_block(2), _planar_block(1))
        self.layer2 = nn.Sequential(_planar_block(2), _planar_block(1))
        self.conv2 = nn.Conv2d(_PLANES, _PLANES, 3, (2, 1), 1, bias=False)
        self.bn2 = nn.BatchNorm2d(_PLANES)
        self.channels = _PLANES * NUM_MELS // 8

    def forward(self, features: Tensor) -> Tensor:
        """Process (B, 80, k) -> (B, 320, k)."""
        planes = functional.relu(self.bn1(self.conv1(features.unsqueeze(1))))
        planes = self.layer2(self.layer1(planes))
        return functional.relu(self.bn2(self.conv2(planes))).flatten(1, 2)


class _ContextMask(nn.Module):
    """A convolution in time, masked by means over all frames and over segments of 100 frames."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(
            _BOTTLENECK, _GROWTH, 3, padding=dilation, dilation=dilation, bias=False
        )
        self.linear1 = nn.Conv1d(_BOTTLENECK, _BOTTLENECK // 2, 1)
        self.linear2 = nn.Conv1d(_BOTTLENECK // 2, _GROWTH, 1)

    def forward(self, hidden: Tensor) -> Tensor:
        """Process (B, 128, k) -> (B, 32, k)."""
        frames = hidden.shape[2]
        segments = functional.avg_pool1d(hidden, _SEGMENT_FRAMES, _SEGMENT_FRAMES, ceil_mode=True)
        spread = segments.repeat_interleave(_SEGMENT_FRAMES, dim=2)[:, :, :frames]
        context = functional.relu(self.linear1(hidden.mean(2, keepdim=True) + spread))
        masked: Tensor = self.linear_local(hidden) * torch.sigmoid(self.linear2(context))
        return masked


class _DenseLayer(nn.Module):
    """A bottleneck and a masked convolution whose output is joined to its input."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _normalized(channels)
        self.linear1 = nn.Conv1d(channels, _BOTTLENECK, 1, bias=False)
        self.nonlinear2 = _normalized(_BOTTLENECK)
        self.cam_layer = _ContextMask(dilation)

    def forward(self, features: Tensor) -> Tensor:
        """Process (B, C, k) -> (B, C + 32, k)."""
        hidden = self.nonlinear2(self.linear1(self.nonlinear1(features)))
        return torch.cat([features, self.cam_layer(hidden)], dim=1)


def _layer(norm: nn.Module, linear: nn.Module, *, norm_first: bool) -> nn.Sequential:
    parts = [("nonlinear", norm), ("linear", linear)]
    return nn.Sequential(OrderedDict(parts if norm_first else parts[::-1]))


class _Statistics(nn.Module):
    """Mean and deviation over time."""

    def forward(self, features: Tensor) -> Tensor:
        """Compute mean and deviation: (B, C, k >= 2) -> (B, 2 C)."""
        variance = features.float().var(2).clamp(min=_VARIANCE_FLOOR)
        return torch.cat([features.float().mean(2), variance.sqrt()], dim=1)


class CampPlus(nn.Module):
    """Two-dimensional front, then three dense blocks at half the frame rate.

    Args:
        embedding_dim: dimension E; published models have 192 or 512.
    """

    def __init__(self, embedding_dim: int = EMBEDDING_DIM) -> None:
        super().__init__()
        self.head = _PlanarFront()
        channels = 128
        input_layer = nn.Conv1d(self.head.channels, channels, 5, 2, 2, bias=False)
        parts: list[tuple[str, nn.Module]] = [
            ("tdnn", _layer(_normalized(channels), input_layer, norm_first=False))
        ]
        for number, (num_layers, dilation) in enumerate(_BLOCKS, start=1):
            block = OrderedDict[str, nn.Module]()
            for layer in range(num_layers):
                block[f"tdnnd{layer + 1}"] = _DenseLayer(channels, dilation)
                channels += _GROWTH
            parts.append((f"block{number}", nn.Sequential(block)))
            halved = nn.Conv1d(channels, channels // 2, 1, bias=False)
            parts.append(
                (f"transit{number}", _layer(_normalized(channels), halved, norm_first=True))
            )
            channels //= 2
        parts += [("out_nonlinear", _normalized(channels)), ("stats", _Statistics())]
        parts.append(("dense", _Dense(2 * channels, embedding_dim)))
        self.xvector = nn.Sequential(OrderedDict(parts))

    def forward(self, features: Tensor) -> Tensor:
        """Encode features (B, 80, k) to embeddings (B, E)."""
        embedding: Tensor = self.xvector(self.head(features))
        return embedding


class _Dense(nn.Module):
    def __init__(self, channels: int, embedding_dim: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(channels, embedding_dim, 1, bias=False)
        self.nonlinear = nn.Sequential(
            OrderedDict([("batchnorm", nn.BatchNorm1d(embedding_dim, affine=False))])
        )

    def forward(self, pooled: Tensor) -> Tensor:
        """Map statistics (B, C) to embeddings (B, E)."""
        embedding: Tensor = self.nonlinear(self.linear(pooled.unsqueeze(2)).squeeze(2))
        return embedding
