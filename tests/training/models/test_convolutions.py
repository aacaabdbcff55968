"""Both forms of a convolution give the same values and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from speakersdk_training.models.convolutions import DepthwiseConv, PointwiseConv


@pytest.mark.parametrize(
    ("layer", "channels"),
    [
        (PointwiseConv(6, 4), 6),
        (PointwiseConv(6, 9, bias=False), 6),
        (PointwiseConv(6, 9, groups=3), 6),
        (DepthwiseConv(6, 5), 6),
        (DepthwiseConv(6, 3, dilation=4), 6),
    ],
)
def test_training_computes_what_the_exported_graph_does(layer: nn.Conv1d, channels: int) -> None:
    layer = layer.double()
    frames = torch.randn(3, channels, 20, dtype=torch.float64, requires_grad=True)
    results = []
    for training in (True, False):
        layer.train(training)
        layer.zero_grad()
        output = layer(frames)
        (gradient,) = torch.autograd.grad(output.square().sum(), frames, retain_graph=True)
        output.square().sum().backward()
        results.append([output, gradient, *(each.grad for each in layer.parameters())])
    for trained, exported in zip(*results, strict=True):
        assert trained.shape == exported.shape
        torch.testing.assert_close(trained, exported, rtol=1e-12, atol=1e-12)


def test_sums_of_taps_are_float32_and_come_back_in_half_precision() -> None:
    layer = DepthwiseConv(2, 5)
    frames = torch.randn(1, 2, 9).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        output = layer(frames)
    assert output.dtype == torch.bfloat16
    exact = nn.functional.conv1d(frames.float(), layer.weight, groups=2)
    # One rounding to bf16, at the end.
    torch.testing.assert_close(output.float(), exact.bfloat16().float(), rtol=2**-8, atol=0)
