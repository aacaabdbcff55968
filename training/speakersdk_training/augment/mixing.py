"""Two voices in one crop, with the label shared between both speakers."""

from __future__ import annotations

import torch
from torch import Tensor

from speakersdk_training.augment.random import BatchRandom, rms


def mix_speakers(
    samples: Tensor, *, share: float, random: BatchRandom
) -> tuple[Tensor, Tensor, Tensor]:
    """Add a quieter second voice to a fixed share of the rows.

    Args:
        samples: (B, n) float32 crops.
        share: share of the rows that get a second voice.
        random: source of the draws.

    Returns:
        (B, n) samples, (B,) row of each row's second voice, (B,) weight of the first speaker in
        [0.5, 1]; 1 where there is no second voice. The weight is the first voice's share of the
        amplitude, both at one level.

    Source: H. Zhang et al., "mixup", 2018, on waveforms of one level.
    """
    batch = len(samples)
    partner = (torch.arange(batch, device=samples.device) + 1) % batch
    chosen = random.permutation(batch) < round(share * batch)
    weight = torch.where(chosen, random.uniform(0.5, 1.0, batch), 1.0)
    level = rms(samples)
    second = samples[partner] / level[partner] * level
    mixed = weight[:, None] * samples + (1 - weight[:, None]) * second
    return torch.where(chosen[:, None], mixed, samples), partner, weight
