"""The named device is used, or there is an error."""

from __future__ import annotations

import pytest
import torch

from speakersdk_training.compute.device import pick_device
from speakersdk_training.errors import TrainingError


def test_device_of_a_name() -> None:
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(TrainingError, match=r"expected cpu, cuda, cuda:N or auto, got 'gpu'"):
        pick_device("gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_missing_gpu_is_not_silently_replaced_by_the_cpu() -> None:
    with pytest.raises(TrainingError, match=r"device 'cuda:0': torch .* finds no CUDA GPU"):
        pick_device("cuda:0")
