"""SpecAugment: bands and stretches of the log-mel features that are hidden from the encoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from speakersdk.errors import ConfigError
from speakersdk_training.augment.random import BatchRandom


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecAugmentConfig:
    """Numbers and sizes of the masks.

    Attributes:
        rows: share of the batch that is masked at all; 0 turns it off.
        bands, band_width: masks along frequency per row, and width of the widest in mel bands.
        stretches, stretch_frames: masks along time per row, and length of the longest in frames.

    Source: D. Park et al., "SpecAugment", 2019, without time warping.
    """

    rows: float = 0.0
    bands: int = 2
    band_width: int = 8
    stretches: int = 2
    stretch_frames: int = 20

    def __post_init__(self) -> None:
        if not 0 <= self.rows <= 1 or min(self.bands, self.stretches) < 0:
            raise ConfigError(
                "expected spec_augment.rows in [0, 1] and counts of 0 or more, got "
                f"{self.rows}, {self.bands} and {self.stretches}"
            )


def draw_masks(
    config: SpecAugmentConfig, shape: tuple[int, int, int], random: BatchRandom
) -> Tensor:
    """Draw (B, num_mels, k) float32 masks: 0 where a feature is hidden and 1 elsewhere."""
    batch, num_mels, num_frames = shape
    hidden_bands = _hidden(batch, num_mels, config.bands, config.band_width, random)
    hidden_frames = _hidden(batch, num_frames, config.stretches, config.stretch_frames, random)
    hidden = hidden_bands[:, :, None] | hidden_frames[:, None, :]
    return (~(hidden & random.chance(config.rows, batch, 1, 1))).float()


def _hidden(batch: int, size: int, count: int, longest: int, random: BatchRandom) -> Tensor:
    """Draw (batch, size) booleans that are True in `count` random runs of up to `longest`."""
    place = torch.arange(size, device=random.device)
    length = random.uniform(0, min(longest, size) + 1, batch, count, 1).floor()
    start = (random.uniform(0, 1, batch, count, 1) * (size - length + 1)).floor()
    return ((place >= start) & (place < start + length)).any(dim=1)
