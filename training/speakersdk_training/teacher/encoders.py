"""The teachers: published encoders with their front ends, from samples to embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from speakersdk.files import file_sha256
from speakersdk_training.errors import TrainingError
from speakersdk_training.teacher.campplus import CampPlus
from speakersdk_training.teacher.kaldi_fbank import KaldiFbank

TeacherKind = Literal["campplus", "torchscript"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """The origin of a teacher, for the student's checkpoint, manifest and model card.

    Attributes:
        name: name of the teacher.
        licence: licence of its weights.
        sha256: SHA-256 hash of the file with the weights.
    """

    name: str
    licence: str
    sha256: str

    def __str__(self) -> str:
        """Return the line of the manifest."""
        return f"{self.name}, {self.licence}, sha256 {self.sha256}"


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


def load_teacher(kind: TeacherKind, path: Path) -> nn.Module:
    """Load a teacher in eval mode: (B, n) float32 samples at 16 kHz -> (B, E).

    Args:
        kind: campplus, a state dict with the names of 3D-Speaker; or torchscript, a module that
            takes samples.
        path: file of the weights.

    Raises:
        TrainingError: the file is missing or holds something else.
    """
    if not path.is_file():
        raise TrainingError(f"expected the teacher's weights at {path}, found none")
    try:
        if kind == "torchscript":
            module: nn.Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
            module = CampPlusTeacher({name: value.float() for name, value in weights.items()})
    except Exception as error:  # torch's own errors are of many kinds and have many lines
        raise TrainingError(f"{path} holds no weights of a {kind} teacher") from error
    return module.eval().requires_grad_(False)


def provenance(path: Path, *, name: str, licence: str) -> Provenance:
    """Return name and licence of weights, with the hash of their file."""
    return Provenance(name, licence, file_sha256(path))
