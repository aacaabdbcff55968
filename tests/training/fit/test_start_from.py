"""A run starts from the weights of another run, if the encoder has the same shape."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

from speakersdk_training.checkpoint import read_checkpoint
from speakersdk_training.config import config_from_dict, load_config
from speakersdk_training.data.audio_bank import AudioBank
from speakersdk_training.errors import TrainingError
from speakersdk_training.fit.bank import read_bank
from speakersdk_training.fit.trainer import Trainer


@pytest.fixture
def bank(tiny_values: dict[str, Any]) -> AudioBank:
    return read_bank(config_from_dict(tiny_values).data, device=torch.device("cpu"))


def trainer(values: dict[str, Any], bank: AudioBank) -> Trainer:
    return Trainer(config_from_dict(values), bank, noise=torch.zeros(0), rooms=[], trial_sets=[])


def test_a_run_starts_from_the_weights_of_a_checkpoint(
    tiny_values: dict[str, Any], bank: AudioBank, tmp_path: Path
) -> None:
    first = trainer(tiny_values, bank)
    first.save(tmp_path)
    tiny_values["run"] |= {"start_from": str(tmp_path / "encoder.pt"), "seed": 7}
    second = trainer(tiny_values, bank)
    averaged = read_checkpoint(tmp_path / "encoder.pt")["averaged"]
    weights = second.encoder.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in averaged.items())


def test_a_run_does_not_start_from_an_encoder_of_another_shape(
    tiny_values: dict[str, Any], bank: AudioBank, tmp_path: Path
) -> None:
    trainer(tiny_values, bank).save(tmp_path)
    tiny_values["run"]["start_from"] = str(tmp_path / "encoder.pt")
    tiny_values["tdnn"]["embedding_dim"] = 24
    with pytest.raises(TrainingError, match=r"of other sizes: .* copy these tables"):
        trainer(tiny_values, bank)


def test_the_page_shows_the_network_of_the_bundled_encoder() -> None:
    repository = Path(__file__).parents[3]
    page = (repository / "docs" / "training.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    (shown,) = [config_from_dict(tomllib.loads(one)) for one in blocks if "start_from" in one]
    bundled = load_config(repository / "models" / "default" / "first-run.toml")
    assert (shown.tdnn, shown.frontend) == (bundled.tdnn, bundled.frontend)
