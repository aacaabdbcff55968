"""A captured call repeats all of its work; needs a GPU."""

from __future__ import annotations

import pytest
import torch

from speakersdk_training.compute.captured_call import CapturedCall
from speakersdk_training.compute.device import prepare_torch

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="CUDA graphs need an NVIDIA GPU, and torch sees none"
)


def test_every_replay_continues_the_draws_and_reads_its_inputs() -> None:
    device = torch.device("cuda")
    generator = torch.Generator(device).manual_seed(1)
    scale = torch.ones((), device=device)

    def draw() -> torch.Tensor:
        return scale * torch.rand(1000, generator=generator, device=device)

    captured = CapturedCall(draw, generator)
    first = captured().clone()
    scale.fill_(10.0)
    second = captured().clone()
    assert 0.4 < float(first.mean()) < 0.6
    assert 4 < float(second.mean()) < 6
    assert not torch.equal(first * 10, second)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs a second NVIDIA GPU")
def test_a_call_is_captured_on_the_gpu_of_the_training() -> None:
    device = torch.device("cuda:1")
    before = torch.cuda.current_device()
    try:
        prepare_torch(device)
        count = torch.zeros((), device=device)
        captured = CapturedCall(lambda: count.add_(1))
        for _ in range(5):
            captured()
        assert float(count) == 5
    finally:
        torch.cuda.set_device(before)
