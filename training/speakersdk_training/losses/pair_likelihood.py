"""The similarity loss (MCL): two output distributions agree with probability s = <p, q>.

Source: Y. Hsu et al., "Multi-class classification without multi-class labels", 2019, eq. 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from speakersdk_training.losses.batch_pairs import Pairing, branches, checked_batch, paired

# This keeps logarithms finite: 1 - 1e-7 is about the largest float32 number below 1.
_EPSILON = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class PairLikelihoodConfig:
    """Settings of the loss.

    Attributes:
        pairs: every pair of the batch, or two_branch: rows 0 and 1, rows 2 and 3, ...
        balance: whether same-speaker pairs and other pairs have the same total weight.
    """

    pairs: Pairing = "all"
    balance: bool = False


class PairLikelihood(nn.Module):
    """Binary cross-entropy of s with the label "same speaker", without parameters."""

    def __init__(self, config: PairLikelihoodConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, outputs: Tensor, classes: Tensor) -> Tensor:
        """Compute the mean loss of outputs (B, D) before the softmax, with classes (B,) int64."""
        p, q = branches(torch.softmax(checked_batch(outputs, classes), dim=1), self.config.pairs)
        same = paired(classes, self.config.pairs)
        similarity = (p * q).sum(dim=1).clamp(_EPSILON, 1 - _EPSILON)
        losses = -torch.where(same, similarity, 1 - similarity).log()
        if not self.config.balance:
            return losses.mean()
        kinds = [losses[same], losses[~same]]
        return torch.stack([kind.mean() for kind in kinds if len(kind)]).mean()
