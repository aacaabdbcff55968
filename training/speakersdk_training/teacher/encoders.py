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

TeacherKind = Literal["campplus", "checkpoint", "torchscript"]


class CampPlusTeacher(nn.Module):
    """CAM++ of 3D-Speaker behind Kaldi's features."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.features = KaldiFbank()
        self.encoder = CampPlus()
        self.encoder.load_state_dict(weights)

    def forward(self, samples: Tensor) -> Tensor:
        """Encode (B, n) float32 in +-1 at 16 kHz to embeddings (B, 192)."""
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
        kind: campplus, a state dict with the names of 3D-Speaker; checkpoint, an encoder of this
            package; or torchscript, a module that takes samples.
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
            weights = torch.load(path, map_location="cpu", weights_only=True)
            module = CampPlusTeacher({name: value.float() for name, value in weights.items()})
    except Exception as error:  # torch's own errors are of many kinds and have many lines
        raise TrainingError(f"{path} holds no weights of a {kind} teacher") from error
    return module.eval().requires_grad_(False)
