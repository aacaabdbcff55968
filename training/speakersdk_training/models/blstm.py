"""A bidirectional LSTM encoder after the ZHAW papers: one window in, embedding out.

Sizes of T. Stadelmann et al., "Capturing suprasegmental features of a voice with RNNs", ANNPR 2018,
Fig. 1: two bidirectional layers of 256 units a direction; the second's last states are the
embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from speakersdk.frontend import FrontendConfig
from speakersdk_training.models.frontend import LogMel


@dataclass(frozen=True, slots=True, kw_only=True)
class BlstmConfig:
    """Sizes of the BLSTM encoder.

    Attributes:
        units: LSTM units per direction and layer; the embedding has 2 * units values.
        dropout: between the layers, while training.
        temperature: T, Euclidean length of the embedding.
    """

    units: int = 256
    dropout: float = 0.5
    temperature: float = 4.0


class BlstmEncoder(nn.Module):
    """Two bidirectional LSTM layers; windowed graph contract."""

    def __init__(self, config: BlstmConfig, frontend: FrontendConfig) -> None:
        super().__init__()
        self.config = config
        self.frontend = LogMel(frontend)
        self.input_norm = nn.BatchNorm1d(frontend.num_mels)
        self.first = nn.LSTM(frontend.num_mels, config.units, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(config.dropout)
        self.second = nn.LSTM(2 * config.units, config.units, batch_first=True, bidirectional=True)

    @property
    def embedding_dim(self) -> int:
        """D."""
        return 2 * self.config.units

    @property
    def temperature(self) -> float:
        """T."""
        return self.config.temperature

    def forward(self, samples: Tensor) -> Tensor:
        """(B, n >= window) float32 in +-1 -> (B, D) embedding of length T."""
        return self.scale(self.utterance(samples)[0])

    def utterance(self, samples: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, n) samples -> (B, D) embedding before scaling, no speech logits."""
        # One zero stands for the sample before the first (pre-emphasis).
        log_mel = self.frontend(functional.pad(samples, (1, 0)))
        frames = self.input_norm(log_mel).transpose(1, 2)  # (B, k, num_mels)
        hidden, _ = self.first(frames)
        _, (last, _) = self.second(self.dropout(hidden))  # (2, B, units)
        return torch.cat([last[0], last[1]], dim=1), None

    def scale(self, embedding: Tensor) -> Tensor:
        """Scale embeddings (B, D) to length T."""
        return functional.normalize(embedding.float(), dim=1) * self.temperature
