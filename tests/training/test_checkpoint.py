"""Checkpoints are read back as written, completely or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from speakersdk_training.checkpoint import (
    config_to_dict,
    load_encoder,
    make_encoder,
    read_checkpoint,
    save_checkpoint,
    weights_sha256,
)
from speakersdk_training.config import TrainConfig, config_from_dict
from speakersdk_training.errors import TrainingError
from speakersdk_training.models.blstm import BlstmEncoder
from speakersdk_training.models.tdnn import TdnnEncoder


@pytest.fixture
def config(tiny_values: dict[str, Any]) -> TrainConfig:
    return config_from_dict(tiny_values)


def content(config: TrainConfig, encoder: torch.nn.Module) -> dict[str, Any]:
    return {
        "config": config_to_dict(config),
        "step": 3,
        "averaged": encoder.state_dict(),
        "training_corpora": ["a", "b"],
        "metrics": {"dev": {"eer": 0.1}},
    }


def test_round_trip(config: TrainConfig, tmp_path: Path) -> None:
    stored = {"tensor": torch.arange(3), "nested": {"tuple": (1, 2.0, "x"), "none": None}}
    save_checkpoint(tmp_path / "new" / "checkpoint.pt", stored)
    read = read_checkpoint(tmp_path / "new" / "checkpoint.pt")
    assert torch.equal(read.pop("tensor"), stored["tensor"])
    assert read == {"format": 1, "nested": {"tuple": (1, 2.0, "x"), "none": None}}


def test_encoder_comes_back_with_what_is_known_of_it(config: TrainConfig, tmp_path: Path) -> None:
    encoder = make_encoder(config)
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, content(config, encoder))
    loaded, info = load_encoder(path)
    assert isinstance(loaded, TdnnEncoder)
    assert not loaded.training
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    assert (info.name, info.step, info.training_corpora) == ("tiny", 3, ("a", "b"))
    assert info.metrics == {"dev": {"eer": 0.1}}
    assert info.weights_sha256 == weights_sha256(encoder)
    assert not info.has_speech_head  # trained without labels


@pytest.mark.parametrize(("kind", "has_speech_head"), [("tdnn", True), ("blstm", False)])
def test_speech_head_is_the_stateful_encoders_and_needs_labels(
    tiny_values: dict[str, Any], kind: str, has_speech_head: bool, tmp_path: Path
) -> None:
    tiny_values["run"]["encoder"] = kind
    tiny_values["blstm"] = {"units": 3}
    tiny_values["data"]["speech_labels"] = "labels.npz"
    config = config_from_dict(tiny_values)
    save_checkpoint(tmp_path / "c.pt", content(config, make_encoder(config)))
    encoder, info = load_encoder(tmp_path / "c.pt")
    assert isinstance(encoder, TdnnEncoder if kind == "tdnn" else BlstmEncoder)
    assert info.has_speech_head is has_speech_head


def test_hash_tells_every_change_of_weights_and_buffers(config: TrainConfig) -> None:
    torch.manual_seed(0)
    encoder = make_encoder(config)
    hashes = {weights_sha256(encoder)}
    torch.manual_seed(0)
    assert weights_sha256(make_encoder(config)) in hashes
    with torch.no_grad():
        for tensor in (encoder.embedding.weight, encoder.pooled_norm.running_mean):
            tensor[0] += 1e-3
            hashes.add(weights_sha256(encoder))
    assert len(hashes) == 3


class UnpicklableError(Exception):
    pass


class Unpicklable:
    def __reduce__(self) -> Any:
        raise UnpicklableError


def test_an_interrupted_save_leaves_the_checkpoint_before_it(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"step": 1})
    with pytest.raises(UnpicklableError):
        save_checkpoint(path, {"step": 2, "bad": Unpicklable()})
    assert read_checkpoint(path)["step"] == 1
    save_checkpoint(path, {"step": 3})
    assert read_checkpoint(path)["step"] == 3
    assert [each.name for each in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_what_is_not_a_checkpoint_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(TrainingError, match=r"expected a checkpoint at .*, found none"):
        read_checkpoint(path)
    for bad in (b"", b"hello", b"PK\x03\x04 not a zip"):
        path.write_bytes(bad)
        with pytest.raises(TrainingError, match="is not a checkpoint") as caught:
            read_checkpoint(path)
        assert "\n" not in str(caught.value)
    for foreign in ([1, 2], {"format": 2}, {"state_dict": {}}):
        torch.save(foreign, path)
        with pytest.raises(TrainingError, match="is not a checkpoint of format 1"):
            read_checkpoint(path)


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    path, victim = tmp_path / "checkpoint.pt", tmp_path / "victim"
    victim.touch()
    torch.save({"format": 1, "config": Attack(victim)}, path)
    with pytest.raises(TrainingError, match="is not a checkpoint") as caught:
        read_checkpoint(path)
    assert victim.exists()
    assert "weights_only" not in str(caught.value)  # torch's advice to load it anyway


class Attack:
    """Unpickled as code, this would remove a file."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> Any:
        return Path.unlink, (self.victim,)


def test_a_cut_file_is_refused(config: TrainConfig, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, content(config, make_encoder(config)))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TrainingError, match="is not a checkpoint, or it is damaged"):
        read_checkpoint(path)
