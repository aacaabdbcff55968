"""The default encoder: a causal TDNN that carries its state; streaming costs only what is new.

log-mel -> convolution -> residual blocks (depthwise causal convolution in time, pointwise
expansion) -> joined block outputs -> attentive statistics -> embedding of fixed length.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from speakersdk.errors import ConfigError
from speakersdk.frontend import FrontendConfig
from speakersdk_training.models.frontend import LogMel
from speakersdk_training.models.pooling import AttentiveStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class TdnnConfig:
    """Sizes of the causal TDNN; the defaults have 1.0 M parameters.

    Attributes:
        channels: width of the residual stream.
        expansion: width inside a block.
        kernel: taps of the depthwise convolutions.
        dilations: one residual block each.
        joined_blocks: blocks (counted from 1) whose outputs are joined before pooling.
        pooled_channels: width of the pooled features.
        attention_channels: bottleneck of the attention.
        speech_channels: width of the speech head's hidden layer.
        embedding_dim: D.
        dropout: on the pooled statistics, while training.
        temperature: T, Euclidean length of the embedding; J of softmax distributions tends to the
            cosine for small T (DESIGN: T = 4 loses nothing against cosine, T = 16 does).
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


class CausalBlock(nn.Module):
    """Depthwise causal convolution in time, then a pointwise expansion, with a skip connection."""

    def __init__(self, channels: int, expansion: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.past_frames = (kernel - 1) * dilation
        self.depthwise = nn.Conv1d(
            channels, channels, kernel, dilation=dilation, groups=channels, bias=False
        )
        self.depthwise_norm = nn.BatchNorm1d(channels)
        self.expand = nn.Conv1d(channels, expansion, 1, bias=False)
        self.expand_norm = nn.BatchNorm1d(expansion)
        self.project = nn.Conv1d(expansion, channels, 1, bias=False)
        self.project_norm = nn.BatchNorm1d(channels)

    def forward(self, features: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, k) features and (B, C, past) earlier frames -> same shapes, moved on by k."""
        extended = torch.cat([past, features], dim=2)
        hidden = self.depthwise_norm(self.depthwise(extended))
        hidden = functional.relu(self.expand_norm(self.expand(hidden)))
        hidden = self.project_norm(self.project(hidden))
        return functional.relu(features + hidden), extended[:, :, -self.past_frames :]


class TdnnEncoder(nn.Module):
    """Causal TDNN with attentive statistics and a speech head; stateful graph contract."""

    def __init__(self, config: TdnnConfig, frontend: FrontendConfig) -> None:
        super().__init__()
        self.config = config
        self.frontend = LogMel(frontend)
        self.input_norm = nn.BatchNorm1d(frontend.num_mels)
        self.input = nn.Conv1d(frontend.num_mels, config.channels, config.kernel, bias=False)
        self.input_channel_norm = nn.BatchNorm1d(config.channels)
        self.blocks = nn.ModuleList(
            CausalBlock(config.channels, config.expansion, config.kernel, dilation)
            for dilation in config.dilations
        )
        joined = config.channels * len(config.joined_blocks)
        self.join = nn.Conv1d(joined, config.pooled_channels, 1, bias=False)
        self.join_norm = nn.BatchNorm1d(config.pooled_channels)
        self.pooling = AttentiveStatistics(config.pooled_channels, config.attention_channels)
        self.pooled_norm = nn.BatchNorm1d(2 * config.pooled_channels)
        self.dropout = nn.Dropout(config.dropout)
        self.embedding = nn.Linear(2 * config.pooled_channels, config.embedding_dim, bias=False)
        self.embedding_norm = nn.BatchNorm1d(config.embedding_dim)
        self.speech = nn.Sequential(
            nn.Conv1d(config.pooled_channels, config.speech_channels, 1),
            nn.ReLU(),
            nn.Conv1d(config.speech_channels, 1, 1),
        )
        # (channels, frames) of the past that each causal layer needs, in the order of the cache.
        self._cache_shapes = [(frontend.num_mels, config.kernel - 1)] + [
            (config.channels, (config.kernel - 1) * dilation) for dilation in config.dilations
        ]

    @property
    def embedding_dim(self) -> int:
        """D."""
        return self.config.embedding_dim

    @property
    def temperature(self) -> float:
        """T."""
        return self.config.temperature

    @property
    def cache_size(self) -> int:
        """Values of the cache of one stream."""
        return sum(channels * frames for channels, frames in self._cache_shapes)

    @property
    def statistics_size(self) -> int:
        """Values of the pooling statistics of one stream."""
        return self.pooling.statistics_size

    def forward(
        self, samples: Tensor, frame_weights: Tensor, cache: Tensor, statistics: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """One block of a stream.

        Args:
            samples: (B, context + 160 k) float32 in +-1, overlapping the block before by
                `frontend.config.context_samples`; the first block begins with one zero.
            frame_weights: (B, k) float32; 0 keeps a frame out of the statistics.
            cache: (B, cache_size) float32, zeros at the start.
            statistics: (B, statistics_size) float32, sums of the window's earlier hops.

        Returns:
            embedding (B, D) of length T, hop_statistics (B, statistics_size) of this block alone,
            speech (B, k) probability, next_cache (B, cache_size).
        """
        features, next_cache = self.frame_features(samples, cache)
        hop_statistics = self.pooling.partial_sums(features, frame_weights)
        embedding = self.embed_statistics(statistics + hop_statistics)
        speech = torch.sigmoid(self.speech_logits(features))
        return self.scale(embedding), hop_statistics, speech, next_cache

    def utterance(self, samples: Tensor) -> tuple[Tensor, Tensor | None]:
        """Whole utterances at once, as training hears them.

        Args:
            samples: (B, n) float32 in +-1.

        Returns:
            embedding (B, D) before scaling, speech logits (B, k).
        """
        cache, _ = self.start(len(samples), device=samples.device)
        # One zero stands for the sample before the first (pre-emphasis).
        features, _ = self.frame_features(functional.pad(samples, (1, 0)), cache)
        weights = torch.ones(features.shape[0], features.shape[2], device=samples.device)
        statistics = self.pooling.partial_sums(features, weights)
        return self.embed_statistics(statistics), self.speech_logits(features)

    def frame_features(self, samples: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
        """Samples and cache -> (B, pooled_channels, k) features and the next cache."""
        sizes = [channels * frames for channels, frames in self._cache_shapes]
        past = [
            flat.reshape(-1, *shape)
            for flat, shape in zip(
                cache.split_with_sizes(sizes, 1), self._cache_shapes, strict=True
            )
        ]
        extended = torch.cat([past[0], self.input_norm(self.frontend(samples))], dim=2)
        kept = [extended[:, :, -past[0].shape[2] :]]
        features = functional.relu(self.input_channel_norm(self.input(extended)))
        joined = []
        for number, block in enumerate(self.blocks, start=1):
            features, block_past = block(features, past[number])
            kept.append(block_past)
            if number in self.config.joined_blocks:
                joined.append(features)
        pooled = self.join_norm(self.join(torch.cat(joined, dim=1)))
        next_cache = torch.cat([tail.flatten(1) for tail in kept], dim=1)
        return functional.relu(pooled), next_cache

    def embed_statistics(self, statistics: Tensor) -> Tensor:
        """(B, statistics_size) sums -> (B, D) embedding before scaling."""
        pooled = self.pooled_norm(self.pooling.mean_and_deviation(statistics))
        embedding: Tensor = self.embedding_norm(self.embedding(self.dropout(pooled)))
        return embedding

    def speech_logits(self, features: Tensor) -> Tensor:
        """(B, pooled_channels, k) features -> (B, k) logits of speech."""
        logits: Tensor = self.speech(features).squeeze(1)
        return logits

    def scale(self, embedding: Tensor) -> Tensor:
        """Scale embeddings (B, D) to length T."""
        return functional.normalize(embedding.float(), dim=1) * self.temperature

    def start(self, batch: int, *, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
        """Cache and statistics of streams that have heard nothing."""
        return (
            torch.zeros(batch, self.cache_size, device=device),
            torch.zeros(batch, self.statistics_size, device=device),
        )
