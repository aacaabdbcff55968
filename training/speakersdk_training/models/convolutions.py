"""Convolutions in the two forms that are fast: while training, and in an exported graph.

Weights and results are the same. An inference engine has a kernel for each convolution and hears
few frames at a time. A GPU that trains on whole batches does a convolution over one frame as a
matrix product without turning its arrays around, and one that stays within channels as sums of
shifted frames, which torch.compile joins with the norm behind it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PointwiseConv(nn.Conv1d):
    """Convolution over a single frame, (B, C, k) -> (B, O, k), in groups of channels or without."""

    def __init__(self, channels: int, outputs: int, *, groups: int = 1, bias: bool = True) -> None:
        super().__init__(channels, outputs, 1, groups=groups, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """Of frames alone, so any k."""
        if not self.training:
            return super().forward(input)
        frames = input.transpose(1, 2)  # (B, k, C): one row a frame
        weights = self.weight.squeeze(2).chunk(self.groups)
        parts = [
            nn.functional.linear(part, weight)
            for part, weight in zip(frames.chunk(self.groups, dim=2), weights, strict=True)
        ]
        joined = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
        if self.bias is not None:
            joined = joined + self.bias.to(joined.dtype)
        return joined.transpose(1, 2)


class DepthwiseConv(nn.Conv1d):
    """Convolution of each channel by itself, (B, C, k + past) -> (B, C, k)."""

    def __init__(self, channels: int, kernel: int, *, dilation: int = 1) -> None:
        super().__init__(channels, channels, kernel, dilation=dilation, groups=channels, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """Of frames with those of the past in front."""
        if not self.training:
            return super().forward(input)
        (taps,), (apart,) = self.kernel_size, self.dilation
        num_frames = input.shape[2] - (taps - 1) * apart
        total = torch.zeros((), device=input.device)  # float32, whatever autocast says
        for tap in range(taps):
            frames = input[:, :, tap * apart : tap * apart + num_frames]
            total = total + self.weight[:, :, tap] * frames
        return total.to(input.dtype)
