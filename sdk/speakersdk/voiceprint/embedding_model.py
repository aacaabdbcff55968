"""The properties of a model that its voiceprints depend on."""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

ROTATED: Final = "rotation "  # prefix of the model_sha256 of a rotated voiceprint


@runtime_checkable
class EmbeddingModel(Protocol):
    """The fields of a model manifest that describe embeddings."""

    @property
    def name(self) -> str:
        """The name of the model, for display."""

    @property
    def weights_sha256(self) -> str:
        """The SHA-256 of the weights."""

    @property
    def embedding_dim(self) -> int:
        """D, the number of values of an embedding."""

    @property
    def temperature(self) -> float:
        """T, the Euclidean length of an embedding."""
