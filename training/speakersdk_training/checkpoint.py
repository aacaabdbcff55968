"""Checkpoints: weights, optimizer, random states and resolved configuration in one file."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from speakersdk.files import replacement
from speakersdk_training.config import TrainConfig, config_from_dict
from speakersdk_training.errors import TrainingError
from speakersdk_training.models.blstm import BlstmEncoder
from speakersdk_training.models.tdnn import TdnnEncoder
from speakersdk_training.teacher.provenance import Provenance

FORMAT = 1


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """The description of a checkpoint.

    Attributes:
        name: name of the model.
        step: number of optimizer steps made.
        training_corpora: names of the corpora.
        weights_sha256: hash of the averaged weights, which export writes.
        has_speech_head: whether the speech head was trained.
        metrics: results of the last evaluation, by trial list and metric.
        teachers: descriptions of the teachers of the training.
    """

    name: str
    step: int
    training_corpora: tuple[str, ...]
    weights_sha256: str
    has_speech_head: bool
    metrics: dict[str, dict[str, float]]
    teachers: tuple[Provenance, ...] = ()


def make_encoder(config: TrainConfig) -> TdnnEncoder | BlstmEncoder:
    """Make a freshly initialized encoder of the configured kind."""
    if config.run.encoder == "blstm":
        return BlstmEncoder(config.blstm, config.frontend)
    encoder = TdnnEncoder(config.tdnn, config.frontend)
    encoder.pools_speech = bool(config.data.speech_labels)
    return encoder


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint atomically: an interrupted run leaves the previous one intact."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacement(path, is_private=False) as file:
        torch.save({"format": FORMAT, **content}, file)


def save_changed(
    path: Path, content: dict[str, Any], config: TrainConfig, weights: dict[str, Tensor]
) -> None:
    """Write a trained encoder with weights changed after `fit`, for `speakersdk-export`.

    Args:
        path: the file to write.
        content: content of the original checkpoint.
        config: configuration of the changed encoder.
        weights: all weights of the changed encoder.
    """
    save_checkpoint(
        path,
        {
            "config": config_to_dict(config),
            "step": content["step"],
            "averaged": {name: tensor.cpu() for name, tensor in weights.items()},
            "training_corpora": content["training_corpora"],
            "teachers": content.get("teachers", []),
            "metrics": {},  # the old metrics belong to another encoder
        },
    )


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of `save_checkpoint`, which contains only tensors and plain values.

    Raises:
        TrainingError: the file is missing, not a checkpoint, or of another format.
    """
    if not path.is_file():
        raise TrainingError(f"expected a checkpoint at {path}, found none")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch's own message has many lines and suggests loading the file unsafely.
        raise TrainingError(
            f"{path} is not a checkpoint, or it is damaged; expected a checkpoint.pt of "
            "speakersdk-train fit"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise TrainingError(f"{path} is not a checkpoint of format {FORMAT}")
    return content


def load_encoder(path: Path) -> tuple[TdnnEncoder | BlstmEncoder, CheckpointInfo]:
    """Load a trained encoder (averaged weights, eval mode) with its description."""
    content = read_checkpoint(path)
    config = config_from_dict(content["config"])
    encoder = make_encoder(config)
    encoder.load_state_dict(content["averaged"])
    info = CheckpointInfo(
        name=config.run.name,
        step=content["step"],
        training_corpora=tuple(content["training_corpora"]),
        weights_sha256=weights_sha256(encoder),
        has_speech_head=bool(config.data.speech_labels) and encoder.has_speech_head,
        metrics=content["metrics"],
        teachers=tuple(Provenance(**provenance) for provenance in content.get("teachers", ())),
    )
    return encoder.eval(), info


def load_weights(encoder: nn.Module, weights: dict[str, Tensor], path: str) -> None:
    """Give a new encoder the weights of a checkpoint.

    Raises:
        TrainingError: the checkpoint holds an encoder of other names or shapes.
    """
    try:
        encoder.load_state_dict(weights)
    except RuntimeError as error:  # torch's own message lists every name
        raise TrainingError(
            f"{path} holds an encoder of other sizes: expected those of [tdnn] or [blstm] in the "
            "configuration; copy these tables from the run that made it"
        ) from error


def weights_sha256(module: nn.Module) -> str:
    """Return the SHA-256 hash over names and values of all saved weights and buffers."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def config_to_dict(config: TrainConfig) -> dict[str, Any]:
    """Return the resolved configuration as plain values."""
    return dataclasses.asdict(config)
