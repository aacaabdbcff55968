"""Random draws for a batch, all from one generator so that a seed repeats a run."""

from __future__ import annotations

import torch
from torch import Tensor


class BatchRandom:
    """Random numbers on one device, from one generator."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator
        self.device = generator.device

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Draw uniform numbers in [low, high)."""
        draw = torch.rand(*shape, generator=self.generator, device=self.device)
        return low + (high - low) * draw

    def normal(self, *shape: int) -> Tensor:
        """Draw standard normal numbers."""
        return torch.randn(*shape, generator=self.generator, device=self.device)

    def integers(self, high: int, *shape: int) -> Tensor:
        """Draw integers in [0, high)."""
        return torch.randint(high, shape, generator=self.generator, device=self.device)

    def permutation(self, size: int) -> Tensor:
        """Return the integers below `size` in random order."""
        return torch.rand(size, generator=self.generator, device=self.device).argsort()

    def chance(self, probability: float | Tensor, *shape: int) -> Tensor:
        """Draw booleans that are true with a probability: a float or a scalar tensor."""
        return torch.rand(*shape, generator=self.generator, device=self.device) < probability


def rms(samples: Tensor) -> Tensor:
    """Return the (B, 1) root mean square of (B, n), never 0."""
    return samples.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-5)


def decibels(values: Tensor) -> Tensor:
    """Return the amplitude factor of a level in dB."""
    return torch.pow(10.0, values / 20.0)
