"""ResNet34 for speakers, the r-vector: a 2-D network, statistics pooling and one linear layer.

Layers have the names of WeSpeaker's checkpoints, which therefore load by name.
Sources: K. He et al. 2016 (the network); H. Zeinali et al., "BUT system description to VoxCeleb
speaker recognition challenge 2019", table 2; H. Wang et al., "WeSpeaker", 2023.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from speakersdk_training.teacher.residual_block import ResidualBlock

NUM_MELS = 80
EMBEDDING_DIM = 256
_STAGES = ((32, 3, 1), (64, 4, 2), (128, 6, 2), (256, 3, 2))  # planes, blocks, stride of the first
_VARIANCE_FLOOR = 1e-7


class ResNet34(nn.Module):
    """Four stages of 3, 4, 6 and 3 blocks, then mean and deviation over time."""

    def __init__(self) -> None:
        super().__init__()
        inputs = _STAGES[0][0]
        self.conv1 = nn.Conv2d(1, inputs, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inputs)
        stages = []
        for planes, num_blocks, stride in _STAGES:
            blocks = []
            for number in range(num_blocks):
                step = 1 if number else stride
                blocks.append(ResidualBlock(inputs, planes, (step, step)))
                inputs = planes
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.seg_1 = nn.Linear(2 * inputs * NUM_MELS // 8, EMBEDDING_DIM)

    def forward(self, features: Tensor) -> Tensor:
        """Encode features (B, 80, k >= 9) to embeddings (B, 256)."""
        planes = functional.relu(self.bn1(self.conv1(features.unsqueeze(1))))
        planes = self.layer4(self.layer3(self.layer2(self.layer1(planes))))
        frames = planes.flatten(1, 2).float()
        deviation = (frames.var(2) + _VARIANCE_FLOOR).sqrt()
        embedding: Tensor = self.seg_1(torch.cat([frames.mean(2), deviation], dim=1))
        return embedding
