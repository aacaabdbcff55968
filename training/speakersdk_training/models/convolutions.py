"""Convolutions in two forms: one is fast in training, the other in an exported graph.

Weights and results are the same. An inference engine has a kernel for each convolution and gets
few frames at a time. A GPU that trains on whole batches computes a convolution over one frame as a
matrix product without transposing its arrays. It computes a convolution within channels as a sum of
shifted frames, which torch.compile fuses with the norm that follows.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PointwiseConv(nn.Conv1d):
    """Convolution over a single frame, (B, C, k) -> (B, O, k), with or without groups."""

    def __init__(self, channels: int, outputs: int, *, groups: int = 1, bias: bool = True) -> None:
        super().__init__(channels, outputs, 1, groups=groups, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve any number k of frames."""
        if not self.training:
            return super().forward(input)
        frames = input.transpose(1, 2)  # (B, k, C): one row per frame
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
    """Convolution within each channel, (B, C, k + past) -> (B, C, k)."""

    def __init__(self, channels: int, kernel: int, *, dilation: int = 1) -> None:
        super().__init__(channels, channels, kernel, dilation=dilation, groups=channels, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve frames that the past frames precede."""
        if not self.training:
            return super().forward(input)
        (taps,), (apart,) = self.kernel_size, self.dilation
        num_frames = input.shape[2] - (taps - 1) * apart
        total = torch.zeros((), device=input.device)  # float32 regardless of autocast
        for tap in range(taps):
            frames = input[:, :, tap * apart : tap * apart + num_frames]
            total = total + self.weight[:, :, tap] * frames
        return total.to(input.dtype)
