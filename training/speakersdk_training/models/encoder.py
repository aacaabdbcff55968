"""The interface of an encoder for training, checkpoints and export."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from speakersdk.encoder.manifest import Mode
from speakersdk_training.models.frontend import LogMel


class Encoder(nn.Module, ABC):
    """A network from the waveform to an embedding.

    Attributes:
        graph_kind: kind of graph that export writes, see docs/formats/model.md.
        has_speech_head: whether `utterance` returns speech logits.
        frontend: module from samples to log-mel features.
    """

    graph_kind: ClassVar[Mode]
    has_speech_head: ClassVar[bool]
    frontend: LogMel

    @property
    @abstractmethod
    def embedding_dim(self) -> int:
        """The dimension D of an embedding."""

    @property
    @abstractmethod
    def temperature(self) -> float:
        """The Euclidean length T of an embedding."""

    @abstractmethod
    def utterance(self, samples: Tensor) -> tuple[Tensor, Tensor | None]:
        """Encode whole utterances at once, as in training.

        Args:
            samples: (B, n) float32 in +-1.

        Returns:
            Embeddings (B, D) before scaling; speech logits (B, k), None without a speech head.
        """

    def embed(self, samples: Tensor) -> Tensor:
        """Encode (B, n) samples of any length to (B, D) embeddings before scaling, for trials."""
        return self.utterance(samples)[0]

    def head(self, embedding: Tensor) -> Tensor:
        """Map (B, D) embeddings before scaling to the (B, outputs) that a pair loss compares."""
        return embedding

    def scale(self, embedding: Tensor) -> Tensor:
        """Scale embeddings (B, D) to length T."""
        return functional.normalize(embedding.float(), dim=1) * self.temperature
