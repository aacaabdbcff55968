"""A bidirectional LSTM encoder after the ZHAW papers: a window in, an embedding out.

The sizes are those of T. Stadelmann et al., "Capturing suprasegmental features of a voice with
RNNs", ANNPR 2018, Fig. 1: two bidirectional layers of 256 units per direction. The last states of
the second layer are the embedding. Dense layers follow in training, and the loss compares their
output; any of them can be the embedding instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.errors import ConfigError
from speakersdk_training.models.encoder import Encoder
from speakersdk_training.models.frontend import LogMel

Activation = Literal["linear", "prelu", "relu", "softplus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlstmConfig:
    """Sizes of the BLSTM encoder.

    Attributes:
        units: LSTM units per direction and layer; the last states have 2 * units values.
        dropout: dropout between the LSTM layers, in training.
        input_norm: whether to normalize each mel band by batch norm (the papers have none).
        dense: sizes of the dense layers after the last states; none means that the states are the
            output.
        hidden_activation: activation after every dense layer but the last.
        output_activation: activation after the last dense layer (a softmax belongs to the loss).
        dense_dropout: dropout after the first dense layer, in training.
        extract: the layer that is the embedding: 0 for the last states, k for the k-th dense layer.
        window_s: length of a window in seconds; the embedding of longer speech is the mean over its
            windows.
        temperature: Euclidean length T of the embedding.
    """

    units: int = 256
    dropout: float = 0.5
    input_norm: bool = True
    dense: tuple[int, ...] = ()
    hidden_activation: Activation = "linear"
    output_activation: Activation = "linear"
    dense_dropout: float = 0.25
    extract: int = 0
    window_s: float = 3.0
    temperature: float = 4.0

    def __post_init__(self) -> None:
        if not 0 <= self.extract <= len(self.dense):
            raise ConfigError(
                f"expected extract from 0 to {len(self.dense)} dense layers, got {self.extract}"
            )
        if self.units < 1 or not all(size > 0 for size in self.dense):
            raise ConfigError(
                f"expected sizes above 0, got units {self.units} and dense {self.dense}"
            )
        if self.window_s <= 0:
            raise ConfigError(f"expected window_s above 0, got {self.window_s:g}")


# 40 frames of 10 ms, and the part of the last 64 ms window beyond its hop.
_PAPERS_WINDOW_S = 0.454


def paper_blstm(num_speakers: int) -> BlstmConfig:
    """Return the network of ANNPR 2018, Fig. 1, for c training speakers: 256/256, 10 c, 5 c, c."""
    return BlstmConfig(
        units=256,
        input_norm=False,
        dense=(10 * num_speakers, 5 * num_speakers, num_speakers),
        window_s=_PAPERS_WINDOW_S,
    )


def seed_blstm(activation: Literal["prelu", "softplus"] = "prelu") -> BlstmConfig:
    """Return the network of flurin-g/VoxRnn, December 2018: 128/128, 1024/512/256/128, no softmax.

    The network in question has PReLU everywhere. With softplus the loss makes the output positive,
    and the last layer stays linear.
    """
    return BlstmConfig(
        units=128,
        input_norm=False,
        dense=(1024, 512, 256, 128),
        hidden_activation=activation,
        output_activation="prelu" if activation == "prelu" else "linear",
        window_s=_PAPERS_WINDOW_S,
    )


class BlstmEncoder(Encoder):
    """Two bidirectional LSTM layers; windowed graph contract."""

    graph_kind = "windowed"
    has_speech_head = False

    def __init__(self, config: BlstmConfig, frontend: FrontendConfig) -> None:
        super().__init__()
        self.config = config
        self.frontend = LogMel(frontend)
        self.input_norm = nn.BatchNorm1d(frontend.num_mels) if config.input_norm else nn.Identity()
        self.first = nn.LSTM(frontend.num_mels, config.units, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(config.dropout)
        self.second = nn.LSTM(2 * config.units, config.units, batch_first=True, bidirectional=True)
        self.dense = nn.ModuleList(_dense_layers(config))
        for lstm in (self.first, self.second):
            _initialize_as_keras(lstm)

    @property
    def embedding_dim(self) -> int:
        """The dimension D of an embedding."""
        return (2 * self.config.units, *self.config.dense)[self.config.extract]

    @property
    def temperature(self) -> float:
        """The Euclidean length T of an embedding."""
        return self.config.temperature

    def forward(self, samples: Tensor) -> Tensor:
        """Encode (B, n >= window) float32 in +-1 to (B, D) embeddings of length T."""
        return self.scale(self.utterance(samples)[0])

    def utterance(self, samples: Tensor) -> tuple[Tensor, Tensor | None]:
        """Encode (B, n) samples to (B, D) embeddings before scaling; there are no speech logits."""
        # The zero is the sample before the first one (pre-emphasis).
        return self.embed_frames(self.frontend(functional.pad(samples, (1, 0)))), None

    def embed(self, samples: Tensor) -> Tensor:
        """Encode (B, n) samples to (B, D) mean embeddings of equal windows, before scaling."""
        window = round(self.config.window_s * self.frontend.config.sample_rate_hz)
        return segment_mean(
            lambda part: self.utterance(part)[0], samples, length=window, step=window
        )

    def embed_frames(self, log_mel: Tensor) -> Tensor:
        """Encode (B, num_mels, k) features to (B, D) embeddings before scaling."""
        frames = self.input_norm(log_mel).transpose(1, 2)  # (B, k, num_mels)
        hidden, _ = self.first(frames)
        _, (last, _) = self.second(self.dropout(hidden))  # (2, B, units)
        embedding = torch.cat([last[0], last[1]], dim=1)
        for layer in self.dense[: self.config.extract]:
            embedding = layer(embedding)
        return embedding

    def head(self, embedding: Tensor) -> Tensor:
        """Apply the dense layers to (B, D) embeddings before scaling: (B, outputs)."""
        output = embedding
        for layer in self.dense[self.config.extract :]:
            output = layer(output)
        return output


def segment_mean(
    embed: Callable[[Tensor], Tensor], values: Tensor, *, length: int, step: int
) -> Tensor:
    """Compute the mean embedding of equal segments; a remainder at the end is dropped.

    Args:
        embed: function from (B, ..., length) to (B, D) embeddings.
        values: (B, ..., n) samples or features of B utterances, time last.
        length: length of a segment; a shorter utterance is a single segment.
        step: distance from segment to segment.

    Returns:
        (B, D) means of embeddings before scaling.

        Source: ANNPR 2018, section 3.
    """
    if values.shape[-1] <= length:
        return embed(values)
    segments = values.unfold(-1, length, step).movedim(-2, 1)  # (B, segments, ..., length)
    batch, count = segments.shape[:2]
    embedded = embed(segments.reshape(batch * count, *segments.shape[2:]))
    return embedded.reshape(batch, count, -1).mean(dim=1)


def _dense_layers(config: BlstmConfig) -> list[nn.Module]:
    """Make linear layers with activations, dropout after the first, initialized as in Keras."""
    layers: list[nn.Module] = []
    inputs = 2 * config.units
    for number, outputs in enumerate(config.dense, start=1):
        linear = nn.Linear(inputs, outputs)
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        is_last = number == len(config.dense)
        name = config.output_activation if is_last else config.hidden_activation
        parts: list[nn.Module] = [linear, *_activation(name, outputs)]
        if number == 1 and not is_last:
            parts.append(nn.Dropout(config.dense_dropout))
        layers.append(nn.Sequential(*parts))
        inputs = outputs
    return layers


def _activation(name: Activation, size: int) -> list[nn.Module]:
    kinds: dict[Activation, list[nn.Module]] = {
        "linear": [],
        "prelu": [nn.PReLU(size, init=0.0)],  # a slope for each output, from 0, as in Keras
        "relu": [nn.ReLU()],
        "softplus": [nn.Softplus()],
    }
    return kinds[name]


@torch.no_grad()
def _initialize_as_keras(lstm: nn.LSTM) -> None:
    """Initialize with Glorot input weights, orthogonal recurrence and forget bias 1.

    torch's uniform initialization is several times smaller. Output distributions would start nearly
    equal, where the KL divergence and its hinge have no gradient.
    """
    for name, parameter in lstm.named_parameters():
        if name.startswith("weight_ih"):
            nn.init.xavier_uniform_(parameter)
        elif name.startswith("weight_hh"):
            nn.init.orthogonal_(parameter)
        else:
            parameter.zero_()
            if name.startswith("bias_ih"):  # gates: input, forget, cell, output
                parameter[lstm.hidden_size : 2 * lstm.hidden_size] = 1.0
