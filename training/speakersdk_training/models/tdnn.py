"""The default encoder: a causal TDNN with carried state; a stream pays only for new audio.

log-mel -> convolution -> residual blocks (depthwise causal convolution in time, pointwise
expansion) -> joined block outputs -> attentive statistics -> embedding of fixed length.

Options add 2-D convolutions before it or between its blocks, gates inside blocks, and separate
projections of the joined outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.errors import ConfigError
from speakersdk_training.models.blocks import BandBlock, CausalBlock, PlanarFront
from speakersdk_training.models.convolutions import PointwiseConv
from speakersdk_training.models.encoder import Encoder
from speakersdk_training.models.frontend import LogMel
from speakersdk_training.models.pooling import AttentiveStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class TdnnConfig:
    """Sizes of the causal TDNN; the defaults have 1.0 M parameters.

    Attributes:
        channels: width of the residual stream.
        expansion: width inside a block.
        kernel: taps of the depthwise convolutions.
        dilations: dilation of each residual block.
        joined_blocks: blocks (counted from 1) whose outputs are joined before pooling.
        pooled_channels: width of the pooled features.
        attention_channels: bottleneck of the attention.
        speech_channels: width of the speech head's hidden layer.
        embedding_dim: dimension D of an embedding.
        planar_channels: channels of the 2-D convolutions before the first layer; 0 means none.
        planar_blocks: residual blocks of two such convolutions on a half, a quarter, ... of the
            bands.
        planar_growth: factor of the channels at each halving of the bands.
        bands: bands of the 2-D convolution before each block; 0 means none at that block, empty
            means none at all.
        squeeze_channels: bottleneck of the gates inside blocks; 0 means none.
        join_groups: number of groups in the projection of the joined outputs; with as many groups
            as joined blocks, every depth is pooled separately (multi-scale pooling).
        drop_path: probability that a row skips the last block in training; lower for earlier
            blocks.
        dropout: dropout of the pooled statistics, in training.
        temperature: Euclidean length T of the embedding; J of softmax distributions tends to the
            cosine for small T (T = 4 is as accurate as the cosine, T = 16 is not).
    """

    channels: int = 128
    expansion: int = 256
    kernel: int = 5
    dilations: tuple[int, ...] = (1, 2, 3, 1, 2, 3, 1, 4)
    joined_blocks: tuple[int, ...] = (2, 4, 6, 8)
    pooled_channels: int = 384
    attention_channels: int = 64
    speech_channels: int = 16
    embedding_dim: int = 256
    planar_channels: int = 0
    planar_blocks: tuple[int, ...] = (1, 0)
    planar_growth: int = 1
    bands: tuple[int, ...] = ()
    squeeze_channels: int = 0
    join_groups: int = 1
    drop_path: float = 0.0
    dropout: float = 0.1
    temperature: float = 4.0

    def __post_init__(self) -> None:
        known = set(range(1, len(self.dilations) + 1))
        if not self.joined_blocks or not set(self.joined_blocks) <= known:
            raise ConfigError(
                f"expected joined_blocks among 1..{len(self.dilations)}, got {self.joined_blocks}"
            )
        if self.kernel < 2 or min(self.dilations) < 1:
            raise ConfigError(
                f"expected kernel >= 2 and dilations >= 1, got {self.kernel} and {self.dilations}"
            )
        if self.bands and len(self.bands) != len(self.dilations):
            raise ConfigError(
                f"expected bands for each of {len(self.dilations)} blocks, got {self.bands}"
            )
        if any(bands and self.channels % bands for bands in self.bands):
            raise ConfigError(f"expected bands that divide {self.channels}, got {self.bands}")
        joined = self.channels * len(self.joined_blocks)
        if (
            self.join_groups < 1
            or joined % self.join_groups
            or (self.pooled_channels % self.join_groups)
        ):
            raise ConfigError(
                f"expected join_groups that divides {joined} and {self.pooled_channels}, "
                f"got {self.join_groups}"
            )
        if not self.planar_blocks or min(self.planar_blocks) < 0 or self.planar_growth < 1:
            raise ConfigError(
                "expected planar_blocks of one stage or more, each 0 or more, and planar_growth "
                f"of 1 or more, got {self.planar_blocks} and {self.planar_growth}"
            )
        if not 0 <= self.drop_path < 1:
            raise ConfigError(f"expected drop_path in [0, 1), got {self.drop_path}")


class TdnnEncoder(Encoder):
    """Causal TDNN with attentive statistics and a speech head; stateful graph contract.

    Attributes:
        pools_speech: whether the speech head is trained and may choose the pooled frames.
    """

    graph_kind = "stateful"
    has_speech_head = True

    def __init__(self, config: TdnnConfig, frontend: FrontendConfig) -> None:
        super().__init__()
        self.config = config
        self.pools_speech = False
        self.frontend = LogMel(frontend)
        self.input_norm = nn.BatchNorm1d(frontend.num_mels)
        self.front = (
            PlanarFront(
                frontend.num_mels,
                config.planar_channels,
                blocks=config.planar_blocks,
                growth=config.planar_growth,
            )
            if config.planar_channels
            else None
        )
        inputs = frontend.num_mels if self.front is None else self.front.channels
        self.input = nn.Conv1d(inputs, config.channels, config.kernel, bias=False)
        self.input_channel_norm = nn.BatchNorm1d(config.channels)
        self.blocks = nn.ModuleList(
            CausalBlock(
                config.channels,
                config.expansion,
                config.kernel,
                dilation,
                squeeze_channels=config.squeeze_channels,
                drop_path=config.drop_path * number / len(config.dilations),
            )
            for number, dilation in enumerate(config.dilations, start=1)
        )
        bands = config.bands or (0,) * len(config.dilations)
        self.band_blocks = nn.ModuleDict(
            {str(n): BandBlock(config.channels, width) for n, width in enumerate(bands, 1) if width}
        )
        joined = config.channels * len(config.joined_blocks)
        self.join = PointwiseConv(
            joined, config.pooled_channels, groups=config.join_groups, bias=False
        )
        self.join_norm = nn.BatchNorm1d(config.pooled_channels)
        self.pooling = AttentiveStatistics(config.pooled_channels, config.attention_channels)
        self.pooled_norm = nn.BatchNorm1d(2 * config.pooled_channels)
        self.dropout = nn.Dropout(config.dropout)
        self.embedding = nn.Linear(2 * config.pooled_channels, config.embedding_dim, bias=False)
        self.embedding_norm = nn.BatchNorm1d(config.embedding_dim)
        self.speech = nn.Sequential(
            PointwiseConv(config.pooled_channels, config.speech_channels),
            nn.ReLU(),
            PointwiseConv(config.speech_channels, 1),
        )
        # Shapes (channels, frames) of the past that each causal layer needs, in the cache's order.
        self._cache_shapes = [] if self.front is None else self.front.cache_shapes
        self._cache_shapes += [(inputs, config.kernel - 1)]
        for number, block in enumerate(self.blocks, start=1):
            if str(number) in self.band_blocks:
                self._cache_shapes.append((config.channels, _past(self.band_blocks[str(number)])))
            self._cache_shapes.append((config.channels, _past(block)))

    @property
    def embedding_dim(self) -> int:
        """The dimension D of an embedding."""
        return self.config.embedding_dim

    @property
    def temperature(self) -> float:
        """The Euclidean length T of an embedding."""
        return self.config.temperature

    @property
    def cache_size(self) -> int:
        """The number of values in the cache of one stream."""
        return sum(channels * frames for channels, frames in self._cache_shapes)

    @property
    def statistics_size(self) -> int:
        """The number of values in the pooling statistics of one stream."""
        return self.pooling.statistics_size

    def forward(
        self,
        samples: Tensor,
        frame_weights: Tensor,
        cache: Tensor,
        statistics: Tensor,
        *,
        speech_threshold: float | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Process one block of a stream.

        Args:
            samples: (B, context + 160 k) float32 in +-1, overlapping the previous block by
                `frontend.config.context_samples`; the first block begins with one zero.
            frame_weights: (B, k) float32; 0 excludes a frame from the statistics.
            cache: (B, cache_size) float32, zeros at the start.
            statistics: (B, statistics_size) float32, sums over the earlier hops of the window.
            speech_threshold: frames of a lower speech probability get weight 0; None means that the
                speech head is not used.

        Returns:
            Embedding (B, D) of length T, statistics (B, statistics_size) of only this block,
            speech probability (B, k), next cache (B, cache_size).
        """
        features, next_cache = self.frame_features(self.log_mel(samples), cache)
        speech = torch.sigmoid(self.speech_logits(features))
        if speech_threshold is not None:
            frame_weights = frame_weights * (speech >= speech_threshold)
        hop_statistics = self.pooling.partial_sums(features, frame_weights)
        embedding = self.embed_statistics(statistics + hop_statistics)
        return self.scale(embedding), hop_statistics, speech, next_cache

    def utterance(
        self,
        samples: Tensor,
        feature_weights: Tensor | None = None,
        frame_weights: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Encode whole utterances at once, as in training.

        Args:
            samples: (B, n) float32 in +-1.
            feature_weights: (B, num_mels, k) factors of the normalized log-mel features, 0 for
                hidden (SpecAugment); None means nothing hidden.
            frame_weights: (B, k) weights of the pooling, 0 for excluded; None means that all frames
                count.

        Returns:
            Embeddings (B, D) before scaling, speech logits (B, k).
        """
        features = self.utterance_features(samples, feature_weights)
        if frame_weights is None:
            frame_weights = torch.ones_like(features[:, 0])
        statistics = self.pooling.partial_sums(features, frame_weights)
        return self.embed_statistics(statistics), self.speech_logits(features)

    def embed(self, samples: Tensor) -> Tensor:
        """Encode whole utterances as the exported graph does, pooling only frames of speech.

        If the speech head finds no speech in a row, or was not trained, all frames of the row are
        pooled.

        Args:
            samples: (B, n) float32 in +-1.

        Returns:
            Embeddings (B, D) before scaling.
        """
        features = self.utterance_features(samples)
        is_speech = self.speech_logits(features) >= 0  # a probability of 0.5
        weights = spoken_weights(is_speech if self.pools_speech else torch.ones_like(is_speech))
        return self.embed_statistics(self.pooling.partial_sums(features, weights))

    def utterance_features(self, samples: Tensor, feature_weights: Tensor | None = None) -> Tensor:
        """Compute (B, pooled_channels, k) features of whole utterances; see `utterance`."""
        cache, _ = self.start(len(samples), device=samples.device)
        # The zero is the sample before the first one (pre-emphasis).
        log_mel = self.log_mel(functional.pad(samples, (1, 0)))
        if feature_weights is not None:
            log_mel = log_mel * feature_weights
        features, _ = self.frame_features(log_mel, cache)
        return features

    def log_mel(self, samples: Tensor) -> Tensor:
        """Compute normalized log-mel features (B, num_mels, k) of samples after one zero."""
        normalized: Tensor = self.input_norm(self.frontend(samples))
        return normalized

    def frame_features(self, log_mel: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
        """Compute (B, pooled_channels, k) features and the next cache from normalized features."""
        sizes = [channels * frames for channels, frames in self._cache_shapes]
        past = [
            flat.reshape(-1, *shape)
            for flat, shape in zip(
                cache.split_with_sizes(sizes, 1), self._cache_shapes, strict=True
            )
        ]
        kept: list[Tensor] = []
        if self.front is not None:
            front_layers = len(self.front.cache_shapes)
            log_mel, kept = self.front(log_mel, past[:front_layers])
            past = past[front_layers:]
        pasts = iter(past)
        extended = torch.cat([next(pasts), log_mel], dim=2)
        kept.append(extended[:, :, 1 - self.config.kernel :])
        features = functional.relu(self.input_channel_norm(self.input(extended)))
        joined = []
        for number, block in enumerate(self.blocks, start=1):
            if str(number) in self.band_blocks:
                features, tail = self.band_blocks[str(number)](features, next(pasts))
                kept.append(tail)
            features, tail = block(features, next(pasts))
            kept.append(tail)
            if number in self.config.joined_blocks:
                joined.append(features)
        pooled = self.join_norm(self.join(torch.cat(joined, dim=1)))
        next_cache = torch.cat([tail.flatten(1) for tail in kept], dim=1)
        return functional.relu(pooled), next_cache

    def embed_statistics(self, statistics: Tensor) -> Tensor:
        """Compute (B, D) embeddings before scaling from sums (B, statistics_size)."""
        pooled = self.pooled_norm(self.pooling.mean_and_deviation(statistics))
        embedding: Tensor = self.embedding_norm(self.embedding(self.dropout(pooled)))
        return embedding

    def speech_logits(self, features: Tensor) -> Tensor:
        """Compute (B, k) speech logits from features (B, pooled_channels, k)."""
        logits: Tensor = self.speech(features).squeeze(1)
        return logits

    def start(self, batch: int, *, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
        """Return cache and statistics of new streams."""
        return (
            torch.zeros(batch, self.cache_size, device=device),
            torch.zeros(batch, self.statistics_size, device=device),
        )


def spoken_weights(is_speech: Tensor) -> Tensor:
    """Return (B, k) float32 weights of the pooling: frames of speech, or all if there are none."""
    return (is_speech | ~is_speech.any(dim=1, keepdim=True)).float()


def _past(block: nn.Module) -> int:
    frames: int = cast("CausalBlock | BandBlock", block).past_frames
    return frames
