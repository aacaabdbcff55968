"""The origin of a teacher, for checkpoints, manifests and model cards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speakersdk.files import file_sha256


@dataclass(frozen=True, slots=True)
class Provenance:
    """The origin of a teacher, for the student's checkpoint, manifest and model card.

    Attributes:
        name: name of the teacher.
        licence: license of its weights.
        sha256: SHA-256 hash of the file with the weights.
    """

    name: str
    licence: str
    sha256: str

    def __str__(self) -> str:
        """Return the line of the manifest."""
        return f"{self.name}, {self.licence}, sha256 {self.sha256}"


def provenance(path: Path, *, name: str, licence: str) -> Provenance:
    """Return name and license of weights, with the hash of their file."""
    return Provenance(name, licence, file_sha256(path))
