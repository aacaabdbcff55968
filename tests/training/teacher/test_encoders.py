"""Teachers load by kind, and other files are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from speakersdk_training.checkpoint import load_encoder
from speakersdk_training.config import config_from_dict
from speakersdk_training.errors import TrainingError
from speakersdk_training.fit.bank import read_bank
from speakersdk_training.fit.trainer import Trainer
from speakersdk_training.teacher.encoders import load_teacher


def test_a_checkpoint_teaches_its_own_embeddings(
    tiny_values: dict[str, Any], tmp_path: Path
) -> None:
    config = config_from_dict(tiny_values)
    bank = read_bank(config.data, device=torch.device("cpu"))
    Trainer(config, bank, noise=torch.zeros(0), rooms=[], trial_sets=[]).save(tmp_path)
    samples = bank.samples[: 2 * 8000].view(2, 8000).float() / 32767
    encoder, _ = load_encoder(tmp_path / "encoder.pt")
    teacher = load_teacher("checkpoint", tmp_path / "encoder.pt")
    with torch.no_grad():
        assert torch.equal(teacher(samples), encoder.embed(samples))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    with pytest.raises(TrainingError, match="found none"):
        load_teacher("campplus", weights)
    torch.save({"weight": torch.zeros(2)}, weights)
    for kind in ("campplus", "checkpoint", "torchscript"):
        with pytest.raises(TrainingError, match=f"no weights of a {kind} teacher"):
            load_teacher(kind, weights)
