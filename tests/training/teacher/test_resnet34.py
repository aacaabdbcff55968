"""ResNet34 has the published size, and one embedding a row."""

from __future__ import annotations

import torch

from speakersdk_training.teacher.resnet34 import ResNet34


def test_it_has_the_published_layers_and_size() -> None:
    encoder = ResNet34().eval()
    assert round(sum(each.numel() for each in encoder.parameters()) / 1e6, 2) == 6.63
    assert "layer4.0.shortcut.1.running_var" in encoder.state_dict()
    with torch.no_grad():
        assert encoder(torch.randn(2, 80, 120)).shape == (2, 256)
