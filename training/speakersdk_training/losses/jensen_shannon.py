"""A pair loss on the Jensen-Shannon divergence, which is symmetric and bounded by ln 2.

Source of the divergence: J. Lin, "Divergence measures based on the Shannon entropy", 1991, eq. 3.1
with weights 1/2; the hinge is that of the pairwise KL loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import torch
from torch import Tensor, nn

from speakersdk.errors import ConfigError
from speakersdk_training.losses.batch_pairs import Pairing, branches, checked_batch, paired


@dataclass(frozen=True, slots=True, kw_only=True)
class JensenShannonConfig:
    """Settings of the loss.

    Attributes:
        margin: divergence above which pairs of two speakers have no cost; below ln 2, the largest
            divergence.
        pairs: every pair of the batch, or two_branch: rows 0 and 1, rows 2 and 3, ...
    """

    margin: float = 0.6
    pairs: Pairing = "all"

    def __post_init__(self) -> None:
        if not 0 < self.margin < log(2):
            raise ConfigError(f"expected a margin between 0 and ln 2, got {self.margin:g}")


class JensenShannon(nn.Module):
    """The divergence of same-speaker pairs and the hinge of other pairs, without parameters."""

    def __init__(self, config: JensenShannonConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, outputs: Tensor, classes: Tensor) -> Tensor:
        """Compute the mean loss of outputs (B, D) before the softmax, with classes (B,) int64."""
        logs = torch.log_softmax(checked_batch(outputs, classes), dim=1)
        same = paired(classes, self.config.pairs)
        divergence = jensen_shannon(*branches(logs, self.config.pairs))
        return torch.where(same, divergence, torch.relu(self.config.margin - divergence)).mean()


def jensen_shannon(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Compute the divergence (N,) in nats of log-probabilities (N, D) and (N, D)."""
    middle = torch.logaddexp(log_p, log_q) - log(2)
    both = log_p.exp() * (log_p - middle) + log_q.exp() * (log_q - middle)
    return both.sum(dim=1) / 2
