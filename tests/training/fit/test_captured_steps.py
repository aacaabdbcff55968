"""Steps replayed as CUDA graphs equal direct ones; several processes cannot replay them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from speakersdk_training.compute.world import World
from speakersdk_training.config import config_from_dict
from speakersdk_training.errors import TrainingError
from speakersdk_training.fit.bank import read_bank
from speakersdk_training.fit.trainer import Trainer


def make(values: dict[str, Any], device: str, world: World | None = None) -> Trainer:
    config = config_from_dict(values)
    bank = read_bank(config.data, device=torch.device(device))
    return Trainer(config, bank, noise=torch.zeros(0), rooms=[], trial_sets=[], world=world)


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="CUDA graphs need an NVIDIA GPU, and torch sees none"
)
def test_captured_steps_equal_direct_steps(tiny_values: dict[str, Any]) -> None:
    losses = []
    for is_captured in (False, True):
        tiny_values["run"] |= {"steps": 10, "crop_s": [0.3, 0.4], "cuda_graphs": is_captured}
        trainer = make(tiny_values, "cuda")
        losses.append([float(trainer.train_step()["loss"]) for _ in range(10)])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


def test_several_processes_cannot_capture_their_steps(tiny_values: dict[str, Any]) -> None:
    tiny_values["run"]["cuda_graphs"] = True
    with pytest.raises(TrainingError, match=r"run\.cuda_graphs = false for several processes"):
        make(tiny_values, "cpu", World(size=2))
