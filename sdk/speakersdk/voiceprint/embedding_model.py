"""What a voiceprint must know of the model that made it."""

from __future__ import annotations

from typing import Protocol


class EmbeddingModel(Protocol):
    """The fields of a model manifest that describe embeddings."""

    @property
    def name(self) -> str:
        """Name of the model, for display."""

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights."""

    @property
    def embedding_dim(self) -> int:
        """D, the number of values of an embedding."""

    @property
    def temperature(self) -> float:
        """T, the Euclidean length of an embedding."""
