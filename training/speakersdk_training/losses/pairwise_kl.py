"""The papers' loss: KL of every same-speaker pair, hinge on the KL of every other pair.

Sources: Y. Hsu and Z. Kira, "Neural network-based clustering using pairwise constraints", 2016;
T. Stadelmann et al., ANNPR 2018, eq. 3 and 4 (each direction has its own hinge, margin 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from speakersdk_training.errors import TrainingError


@dataclass(frozen=True, slots=True, kw_only=True)
class PairwiseKlConfig:
    """Attributes of the loss.

    Attributes:
        margin: of each direction's hinge; 3 in ANNPR 2018, 2 in MLSP 2017.
    """

    margin: float = 3.0


class PairwiseKl(nn.Module):
    """Mean over all pairs of a batch of loss(p||q) + loss(q||p)."""

    def __init__(self, config: PairwiseKlConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, logits: Tensor, classes: Tensor) -> Tensor:
        """Mean loss over the n (n - 1) / 2 pairs of a batch.

        Args:
            logits: (B, D) logits of the output distributions.
            classes: (B,) int64 speakers.

        Raises:
            ValueError: shapes do not fit; a (B, 1) label against a (B,) distance would meet every
                label with every distance and teach nothing.
            TrainingError: fewer than two rows, so no pair.
        """
        if logits.dim() != 2 or classes.shape != logits.shape[:1]:
            raise ValueError(
                "expected logits (B, D) and classes (B,), got "
                f"{tuple(logits.shape)} and {tuple(classes.shape)}"
            )
        if len(classes) < 2:
            raise TrainingError(f"expected at least 2 rows to pair, got {len(classes)}")
        log_p = torch.log_softmax(logits.float(), dim=1)
        entropy = (log_p.exp() * log_p).sum(dim=1, keepdim=True)
        divergence = entropy - log_p.exp() @ log_p.T  # (B, B) KL(row || column)
        same = classes[:, None] == classes[None, :]
        loss = torch.where(same, divergence, torch.relu(self.config.margin - divergence))
        off_diagonal = ~torch.eye(len(classes), dtype=torch.bool, device=loss.device)
        # Both directions of n (n - 1) / 2 pairs: the sum over all ordered pairs, per pair.
        return 2 * loss[off_diagonal].mean()
