"""The teachers: published encoders with their front ends, from samples to embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from speakersdk_training.checkpoint import load_encoder
from speakersdk_training.errors import TrainingError
from speakersdk_training.teacher.campplus import CampPlus
from speakersdk_training.teacher.kaldi_fbank import KaldiFbank
from speakersdk_training.teacher.resnet34 import ResNet34

TeacherKind = Literal["campplus", "resnet34", "checkpoint", "torchscript"]


class FilterbankTeacher(nn.Module):
    """A published encoder of features, behind its own front end."""

    def __init__(self, features: KaldiFbank, encoder: nn.Module) -> None:
        super().__init__()
        self.features = features
        self.encoder = encoder

    def forward(self, samples: Tensor) -> Tensor:
        """Encode (B, n) float32 in +-1 at 16 kHz to embeddings (B, E)."""
        with torch.autocast(samples.device.type, enabled=False):
            features = self.features(samples)
        embedding: Tensor = self.encoder(features)
        return embedding


class CheckpointTeacher(nn.Module):
    """An encoder of this package, which pools the frames that its speech head takes for speech."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.encoder, _ = load_encoder(path)

    def forward(self, samples: Tensor) -> Tensor:
        """Encode (B, n) float32 in +-1 at 16 kHz to embeddings (B, D)."""
        embedding: Tensor = self.encoder.embed(samples)
        return embedding


def load_teacher(kind: TeacherKind, path: Path) -> nn.Module:
    """Load a teacher in eval mode: (B, n) float32 samples at 16 kHz -> (B, E).

    Args:
        kind: campplus, a state dict with the names of 3D-Speaker; resnet34, one with the names of
            WeSpeaker; checkpoint, an encoder of this package; or torchscript, a module that takes
            samples.
        path: file of the weights.

    Raises:
        TrainingError: the file is missing or holds something else.
    """
    if not path.is_file():
        raise TrainingError(f"expected the teacher's weights at {path}, found none")
    try:
        if kind == "torchscript":
            module: nn.Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        elif kind == "checkpoint":
            module = CheckpointTeacher(path)
        else:
            module = _published(kind)
            weights = torch.load(path, map_location="cpu", weights_only=True)
            module.encoder.load_state_dict({name: each.float() for name, each in weights.items()})
    except Exception as error:  # torch's own errors are of many kinds and have many lines
        raise TrainingError(f"{path} holds no weights of a {kind} teacher") from error
    for parameter in module.parameters():  # a ScriptModule has no requires_grad_
        parameter.requires_grad_(False)
    return module.eval()


def _published(kind: TeacherKind) -> FilterbankTeacher:
    """Return an encoder with random weights behind the features of its authors."""
    if kind == "campplus":
        return FilterbankTeacher(KaldiFbank(), CampPlus())
    return FilterbankTeacher(KaldiFbank("hamming", full_scale=32768.0), ResNet34())
