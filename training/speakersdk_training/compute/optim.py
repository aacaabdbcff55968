"""Optimizer and schedules: learning rate with warm-up and cosine, margin with a ramp."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from speakersdk.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimConfig:
    """Settings of AdamW and its schedules; shares are shares of all steps.

    Attributes:
        learning_rate: peak learning rate.
        final_share: learning rate at the end, as a share of the peak.
        weight_decay: weight decay of matrices and kernels; norms and biases have none.
        warmup_share: share of the linear warm-up of the learning rate.
        margin_from_share, margin_until_share: the margin rises linearly from 0 between these
            points.
        clip_norm: gradient norm above which gradients are scaled down.
        ema_decay: decay per step of the running mean of the weights, which is evaluated and
            exported.
        ema_every: steps between two updates of that mean; an update takes the host a tenth of the
            time of a step.
    """

    learning_rate: float = 2e-3
    final_share: float = 0.005
    weight_decay: float = 0.05
    warmup_share: float = 0.03
    margin_from_share: float = 0.1
    margin_until_share: float = 0.5
    clip_norm: float = 5.0
    ema_decay: float = 0.998
    ema_every: int = 1

    def __post_init__(self) -> None:
        if self.ema_every < 1:
            raise ConfigError(f"expected optim.ema_every of 1 or more, got {self.ema_every}")

    def learning_rate_factor(self, share: float) -> float:
        """Return the learning rate after this share of the steps, as a share of the peak."""
        if share < self.warmup_share:
            return share / self.warmup_share
        progress = (share - self.warmup_share) / (1 - self.warmup_share)
        return self.final_share + (1 - self.final_share) * (1 + math.cos(math.pi * progress)) / 2

    def margin_factor(self, share: float) -> float:
        """Return the margin after this share of the steps, as a share of the full margin."""
        span = max(self.margin_until_share - self.margin_from_share, 1e-9)
        return min(max((share - self.margin_from_share) / span, 0.0), 1.0)


def make_optimizer(
    config: OptimConfig, *modules: nn.Module, learning_rate: Tensor | None = None
) -> torch.optim.AdamW:
    """Make AdamW over all parameters, with weight decay on those of two or more axes.

    Args:
        config: settings.
        modules: modules with the parameters.
        learning_rate: scalar on the device of the parameters which a captured step reads; None
            means the peak learning rate.
    """
    parameters = [parameter for module in modules for parameter in module.parameters()]
    decayed = [parameter for parameter in parameters if parameter.dim() >= 2]
    plain = [parameter for parameter in parameters if parameter.dim() < 2]
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    # One kernel for all parameters, because many small tensors would each need a launch on a GPU.
    fused = parameters[0].is_cuda
    return torch.optim.AdamW(
        groups,
        lr=config.learning_rate if learning_rate is None else learning_rate,
        fused=fused,
        capturable=fused and learning_rate is not None,
    )
