"""The similarity loss (MCL): two output distributions agree with probability s = <p, q>.

Source: Y. Hsu et al., "Multi-class classification without multi-class labels", 2019, eq. 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from speakersdk_training.losses.batch_pairs import Pairing, branches, checked_batch, paired

# Keeps the logarithms finite in float32: 1 - 1e-7 is the largest number below 1 that it resolves.
_EPSILON = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class PairLikelihoodConfig:
    """Attributes of the loss.

    Attributes:
        pairs: every pair of the batch, or two_branch: rows 0 and 1, rows 2 and 3, ...
        balance: same-speaker and other pairs count the same in sum.
    """

    pairs: Pairing = "all"
    balance: bool = False


class PairLikelihood(nn.Module):
    """Binary cross-entropy of s against "same speaker"; no parameters."""

    def __init__(self, config: PairLikelihoodConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, outputs: Tensor, classes: Tensor) -> Tensor:
        """Mean loss; outputs (B, D) before the softmax, classes (B,) int64."""
        p, q = branches(torch.softmax(checked_batch(outputs, classes), dim=1), self.config.pairs)
        same = paired(classes, self.config.pairs)
        similarity = (p * q).sum(dim=1).clamp(_EPSILON, 1 - _EPSILON)
        losses = -torch.where(same, similarity, 1 - similarity).log()
        if not self.config.balance:
            return losses.mean()
        kinds = [losses[same], losses[~same]]
        return torch.stack([kind.mean() for kind in kinds if len(kind)]).mean()
