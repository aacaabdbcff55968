"""ResNet34 for speakers: the r-vector.

Source: He et al. 2016 (the network); Zeinali et al. 2019, "BUT system description to VoxCeleb
speaker recognition challenge 2019", table 2 (32 channels at first, statistics pooling).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from benchmarks.peers.pooling import statistics


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a skip connection.

    Args:
        channels, width: numbers of input and output channels.
        stride: stride in frequency and in time.
    """

    def __init__(self, channels: int, width: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.skip: nn.Module = nn.Identity()
        if stride != (1, 1) or channels != width:
            self.skip = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, planes: Tensor) -> Tensor:
        """Map (B, C, f, k) to (B, C', f', k')."""
        return functional.relu(self.body(planes) + self.skip(planes))


class ResNet34(nn.Module):
    """Four stages of 3, 4, 6 and 3 blocks."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(1, 32, 3, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
        ]
        channels = 32
        for width, num_blocks, stride in ((32, 3, 1), (64, 4, 2), (128, 6, 2), (256, 3, 2)):
            for number in range(num_blocks):
                step = stride if number == 0 else 1
                layers.append(BasicBlock(channels, width, (step, step)))
                channels = width
        self.planes = nn.Sequential(*layers)
        self.embedding = nn.Linear(2 * 256 * 10, 256)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, 80, k) to (B, 256)."""
        planes = self.planes(features.unsqueeze(1))
        embedding: Tensor = self.embedding(statistics(planes.flatten(1, 2)))
        return embedding
