"""The papers' loss: the KL of every same-speaker pair, and a hinge on every other KL.

Sources: Y. Hsu and Z. Kira, "Neural network-based clustering using pairwise constraints", 2016;
T. Stadelmann et al., ANNPR 2018, eq. 3 and 4 (each direction has its own hinge, margin 3). The
other options are the differences between implementations, see
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

# This bounds the gradient of the root of a divergence near 0.
_ROOT_FLOOR = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class PairwiseKlConfig:
    """Settings of the loss.

    Attributes:
        output: function that makes the network's outputs positive: softmax (a distribution, as in
            the papers), softplus, or raw (none: a KL may then be negative and unbounded).
        temperature: factor of the outputs before that function.
        smoothing: method that keeps zeros out of the logarithm: x + epsilon (add), max(x, epsilon)
            (max), or x clipped to [epsilon, 1] (clip; no gradient outside).
        epsilon: constant of the smoothing: 1e-7 in L2C, 1e-16 in ZHAW_deep_voice.
        direction: KL(first || second), KL(second || first), or the sum of both (J).
        hinge_on: a hinge on each direction, or one hinge on J (half as strict at the same margin).
        hinge: max(0, m - d) (relu), its square, or softplus(m - d), which never reaches 0.
        margin: margin m; 3 in ANNPR 2018, 2 in MLSP 2017.
        reduction: sum over the outputs inside the KL, or their mean (m must shrink as well).
        stop_gradient: whether to stop the gradient through the first argument of each KL (L2C).
        root_negatives: whether the hinge takes sqrt(d): d is flat where both outputs agree, and its
            root is not.
        balance: whether same-speaker pairs and other pairs have the same total weight.
        positive_weight: weight of a same-speaker pair relative to another pair.
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
    """The weighted mean of the losses of pairs, without parameters."""

    def __init__(self, config: PairwiseKlConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, outputs: Tensor, classes: Tensor) -> Tensor:
        """Compute the mean loss over the pairs of a batch.

        Args:
            outputs: (B, D) outputs of the network, before softmax or softplus.
            classes: (B,) int64 speakers.

        Raises:
            ValueError: the shapes do not fit.
            TrainingError: there are too few rows to pair.
        """
        divergences, same = self.divergences(outputs, classes)
        return self.loss(divergences, same)

    def divergences(self, outputs: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the distances of the pairs of a batch, before any hinge.

        Returns:
            (N, 1 or 2) divergence of each direction, or their sum if the hinge is on the sum; (N,)
            bool, whether both rows are of the same speaker.
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
        """Compute the weighted mean of divergences of same-speaker pairs and hinges of other pairs.

        Args:
            divergences: (N, 1 or 2) divergences of the method `divergences`.
            same: (N,) bool, whether both rows are of the same speaker.

        Raises:
            ValueError: the shapes do not fit; (N,) labels with (N, 1) distances would pair every
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
        """Compute the cost of a divergence of two speakers."""
        config = self.config
        if config.root_negatives:
            divergences = (divergences.clamp(min=0) + _ROOT_FLOOR).sqrt()
        room = config.margin - divergences
        if config.hinge == "softplus":
            return functional.softplus(room)
        return torch.relu(room) if config.hinge == "relu" else torch.relu(room).square()

    def collapsed_loss(self, classes: Tensor) -> float:
        """Compute the loss of equal outputs, where there is no gradient and nothing is learned.

        With one direction and the hinge relu it is the margin times the share of other-speaker
        pairs: margin / 2 if half of the pairs are of one speaker.
        """
        same = paired(classes, self.config.pairs)
        is_double = (self.config.direction, self.config.hinge_on) == ("symmetric", "each_direction")
        return float(self.loss(torch.zeros(len(same), 1 + is_double, device=same.device), same))

    def _positive(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return positive vectors and their logarithms, (B, D) each."""
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
        """Compute the (N,) KL of each row."""
        if self.config.stop_gradient:
            values, logs = values.detach(), logs.detach()
        return (values * (logs - other_logs)).sum(dim=1)

    def _matrix(self, values: Tensor, logs: Tensor) -> Tensor:
        """Compute (B, B) KL(row || column) by one matrix product.

        Only differences of logarithms count. Their mean over the batch is subtracted first: the
        remaining values are then small and keep their precision.
        """
        center = logs.mean(dim=0, keepdim=True).detach()
        own_values, own_logs = values, logs
        if self.config.stop_gradient:
            own_values, own_logs = values.detach(), logs.detach()
        own = (own_values * (own_logs - center)).sum(dim=1, keepdim=True)
        return own - own_values @ (logs - center).T

    def _weights(self, same: Tensor, like: Tensor) -> Tensor:
        """Return the (N,) weights of the pairs."""
        positive = same.to(like.dtype)
        negative = 1 - positive
        if self.config.balance:
            positive = positive / positive.sum().clamp(min=1)
            negative = negative / negative.sum().clamp(min=1)
        return self.config.positive_weight * positive + negative
