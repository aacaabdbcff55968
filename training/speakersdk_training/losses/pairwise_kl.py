"""The papers' loss: KL of every same-speaker pair, hinge on the KL of every other pair.

Sources: Y. Hsu and Z. Kira, "Neural network-based clustering using pairwise constraints", 2016;
T. Stadelmann et al., ANNPR 2018, eq. 3 and 4 (each direction has its own hinge, margin 3). The
other options are those that implementations of it differ in;
docs/experiments/why-it-did-not-learn.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from speakersdk.errors import ConfigError
from speakersdk_training.losses.batch_pairs import Pairing, checked_batch, pair_rows, paired

# Bounds the gradient of the root of a divergence near 0.
_ROOT_FLOOR = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class PairwiseKlConfig:
    """Attributes of the loss.

    Attributes:
        output: what makes the network's outputs positive: softmax (a distribution, as in the
            papers), softplus, or raw (nothing does: a KL may then be negative and unbounded).
        temperature: outputs are multiplied by it first.
        smoothing: how zeros are kept out of the logarithm: x + epsilon (add), max(x, epsilon)
            (max), or x held in [epsilon, 1] (clip; no gradient outside).
        epsilon: 1e-7 as in L2C; 1e-16 as in ZHAW_deep_voice.
        direction: KL(first || second), KL(second || first), or both added (J).
        hinge_on: hinge of each direction, or one hinge on J (at the same margin half as strict).
        hinge: max(0, m - d) (relu), its square, or softplus(m - d), which never ends.
        margin: m; 3 in ANNPR 2018, 2 in MLSP 2017.
        reduction: sum over the outputs inside the KL, or their mean (m must shrink as well).
        stop_gradient: no gradient through the first argument of each KL (L2C).
        root_negatives: the hinge sees sqrt(d): d is flat where both outputs agree, its root is not.
        balance: same-speaker and other pairs count the same in sum.
        positive_weight: of a same-speaker pair against another one.
        pairs: every pair of the batch, or two_branch: rows 0 and 1, rows 2 and 3, ...
    """

    output: Literal["softmax", "softplus", "raw"] = "softmax"
    temperature: float = 1.0
    smoothing: Literal["add", "clip", "max"] = "add"
    epsilon: float = 1e-7
    direction: Literal["pq", "qp", "symmetric"] = "symmetric"
    hinge_on: Literal["each_direction", "sum"] = "each_direction"
    hinge: Literal["relu", "softplus", "squared"] = "relu"
    margin: float = 3.0
    reduction: Literal["sum", "mean"] = "sum"
    stop_gradient: bool = False
    root_negatives: bool = False
    balance: bool = False
    positive_weight: float = 1.0
    pairs: Pairing = "all"

    def __post_init__(self) -> None:
        numbers = (self.temperature, self.epsilon, self.margin, self.positive_weight)
        if min(numbers) <= 0:
            raise ConfigError(
                "expected temperature, epsilon, margin and positive_weight above 0, got "
                f"{', '.join(f'{number:g}' for number in numbers)}"
            )


class PairwiseKl(nn.Module):
    """Weighted mean of the pairs' losses; no parameters."""

    def __init__(self, config: PairwiseKlConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, outputs: Tensor, classes: Tensor) -> Tensor:
        """Mean loss over the pairs of a batch.

        Args:
            outputs: (B, D) of the network, before softmax or softplus.
            classes: (B,) int64 speakers.

        Raises:
            ValueError: shapes do not fit.
            TrainingError: too few rows to pair.
        """
        divergences, same = self.divergences(outputs, classes)
        return self.loss(divergences, same)

    def divergences(self, outputs: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Distances of the batch's pairs, before any hinge.

        Returns:
            (N, 1 or 2) divergence of each direction that counts, or of their sum where the hinge
            is on the sum; (N,) bool, whether both are the same speaker.
        """
        config = self.config
        values, logs = self._positive(checked_batch(outputs, classes))
        same = paired(classes, config.pairs)
        if config.pairs == "all":
            first, second = pair_rows(len(outputs), outputs.device)
            matrix = self._matrix(values, logs)
            both = torch.stack([matrix[first, second], matrix[second, first]], dim=1)
        else:
            both = torch.stack(
                [
                    self._rows(values[0::2], logs[0::2], logs[1::2]),
                    self._rows(values[1::2], logs[1::2], logs[0::2]),
                ],
                dim=1,
            )
        if config.reduction == "mean":
            both = both / outputs.shape[1]
        if config.direction != "symmetric":
            return both[:, :1] if config.direction == "pq" else both[:, 1:], same
        return both if config.hinge_on == "each_direction" else both.sum(1, keepdim=True), same

    def loss(self, divergences: Tensor, same: Tensor) -> Tensor:
        """Weighted mean over pairs of their divergence, or of its hinge.

        Args:
            divergences: (N, 1 or 2) as `divergences` gives them.
            same: (N,) bool.

        Raises:
            ValueError: shapes do not fit; (N,) labels against (N, 1) distances would meet every
                label with every distance and teach nothing.
        """
        if divergences.dim() != 2 or same.shape != divergences.shape[:1]:
            raise ValueError(
                "expected divergences (N, 1 or 2) and labels (N,), got "
                f"{tuple(divergences.shape)} and {tuple(same.shape)}"
            )
        losses = torch.where(same[:, None], divergences, self.hinge(divergences)).sum(dim=1)
        weights = self._weights(same, losses)
        return (weights * losses).sum() / weights.sum()

    def hinge(self, divergences: Tensor) -> Tensor:
        """What a divergence of two speakers costs."""
        config = self.config
        if config.root_negatives:
            divergences = (divergences.clamp(min=0) + _ROOT_FLOOR).sqrt()
        room = config.margin - divergences
        if config.hinge == "softplus":
            return functional.softplus(room)
        return torch.relu(room) if config.hinge == "relu" else torch.relu(room).square()

    def collapsed_loss(self, classes: Tensor) -> float:
        """The loss where all outputs are equal: no gradient, and nothing learned.

        One direction, hinge relu: margin times the share of other-speaker pairs; margin / 2 for
        as many same-speaker pairs.
        """
        same = paired(classes, self.config.pairs)
        is_double = (self.config.direction, self.config.hinge_on) == ("symmetric", "each_direction")
        return float(self.loss(torch.zeros(len(same), 1 + is_double, device=same.device), same))

    def _positive(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Positive vectors and their logarithms, (B, D) each."""
        config = self.config
        values = config.temperature * outputs
        if config.output == "softmax":
            values = torch.softmax(values, dim=1)
        elif config.output == "softplus":
            values = functional.softplus(values)
        if config.smoothing == "add":
            values = values + config.epsilon
        else:
            ceiling = 1.0 if config.smoothing == "clip" else None
            values = values.clamp(min=config.epsilon, max=ceiling)
        return values, values.log()

    def _rows(self, values: Tensor, logs: Tensor, other_logs: Tensor) -> Tensor:
        """(N,) KL of each row."""
        if self.config.stop_gradient:
            values, logs = values.detach(), logs.detach()
        return (values * (logs - other_logs)).sum(dim=1)

    def _matrix(self, values: Tensor, logs: Tensor) -> Tensor:
        """(B, B) KL(row || column) by one matrix product.

        Only differences of logs count, so their mean over the batch is taken off first: what is
        subtracted from each other is then small, and keeps its digits.
        """
        centre = logs.mean(dim=0, keepdim=True).detach()
        own_values, own_logs = values, logs
        if self.config.stop_gradient:
            own_values, own_logs = values.detach(), logs.detach()
        own = (own_values * (own_logs - centre)).sum(dim=1, keepdim=True)
        return own - own_values @ (logs - centre).T

    def _weights(self, same: Tensor, like: Tensor) -> Tensor:
        """(N,) weight of each pair."""
        positive = same.to(like.dtype)
        negative = 1 - positive
        if self.config.balance:
            positive = positive / positive.sum().clamp(min=1)
            negative = negative / negative.sum().clamp(min=1)
        return self.config.positive_weight * positive + negative
