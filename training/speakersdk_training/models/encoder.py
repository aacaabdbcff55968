"""What training, checkpoints and export ask of an encoder, whichever kind it is."""

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
        graph_kind: the graph contract that export writes, see docs/formats/model.md.
        has_speech_head: whether `utterance` gives speech logits.
        frontend: samples to log-mel features.
    """

    graph_kind: ClassVar[Mode]
    has_speech_head: ClassVar[bool]
    frontend: LogMel

    @property
    @abstractmethod
    def embedding_dim(self) -> int:
        """D."""

    @property
    @abstractmethod
    def temperature(self) -> float:
        """T, the Euclidean length of an embedding."""

    @abstractmethod
    def utterance(self, samples: Tensor) -> tuple[Tensor, Tensor | None]:
        """Whole utterances at once, as training hears them.

        Args:
            samples: (B, n) float32 in +-1.

        Returns:
            embedding (B, D) before scaling; speech logits (B, k), None without a speech head.
        """

    def embed(self, samples: Tensor) -> Tensor:
        """(B, n) samples of any length -> (B, D) embedding before scaling, as trials compare it."""
        return self.utterance(samples)[0]

    def head(self, embedding: Tensor) -> Tensor:
        """(B, D) embedding before scaling -> (B, outputs) that a pair loss compares."""
        return embedding

    def scale(self, embedding: Tensor) -> Tensor:
        """Scale embeddings (B, D) to length T."""
        return functional.normalize(embedding.float(), dim=1) * self.temperature
