"""The residual block of the 2-D networks among the teachers.

Layers have the names of 3D-Speaker's and WeSpeaker's checkpoints.
Source: K. He et al., "Deep residual learning for image recognition", 2016, figure 5.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions and a skip connection.

    Args:
        inputs, planes: numbers of input and output planes.
        stride: stride along bands and frames.
    """

    def __init__(self, inputs: int, planes: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != (1, 1) or inputs != planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
            )

    def forward(self, features: Tensor) -> Tensor:
        """Process (B, C, f, k) -> (B, C', f', k')."""
        hidden = functional.relu(self.bn1(self.conv1(features)))
        return functional.relu(self.bn2(self.conv2(hidden)) + self.shortcut(features))
