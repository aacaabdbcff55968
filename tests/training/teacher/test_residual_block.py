"""A residual block halves bands and frames by its stride, and skips unchanged where it can."""

from __future__ import annotations

import torch

from speakersdk_training.teacher.residual_block import ResidualBlock


def test_the_stride_is_that_of_bands_and_frames() -> None:
    features = torch.randn(2, 4, 8, 10)
    assert ResidualBlock(4, 6, (2, 1))(features).shape == (2, 6, 4, 10)
    assert ResidualBlock(4, 4, (2, 2))(features).shape == (2, 4, 4, 5)


def test_without_its_branch_it_is_the_skip_connection() -> None:
    block = ResidualBlock(4, 4, (1, 1)).eval()
    torch.nn.init.zeros_(block.bn2.weight)
    features = torch.randn(2, 4, 8, 10).abs()
    assert torch.equal(block(features), features)
