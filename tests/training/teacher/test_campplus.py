"""CAM++ has the published size, and one embedding a row."""

from __future__ import annotations

import torch

from speakersdk_training.teacher.campplus import CampPlus


def test_it_has_the_published_layers_and_size() -> None:
    encoder = CampPlus().eval()
    assert sum(each.numel() for each in encoder.parameters()) == 6_848_544
    assert "xvector.block3.tdnnd16.cam_layer.linear_local.weight" in encoder.state_dict()
    with torch.no_grad():
        assert encoder(torch.randn(2, 80, 120)).shape == (2, 192)
