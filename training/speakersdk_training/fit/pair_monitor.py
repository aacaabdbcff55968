"""Monitors of a pair loss: distances, active hinges, spread of embeddings, and an alarm."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from speakersdk_training.losses.pairwise_kl import PairwiseKl

# Relative distance from the loss of equal outputs below which a run has not learned anything. Runs
# that learn pass that value only briefly, and therefore the alarm waits for several steps in a row.
_STUCK = 0.01
_LOOKS = 5
# Spread of unit vectors that share nine tenths of their length.
_LOW_SPREAD = 0.1
_LOW_RANK = 1.5


@torch.no_grad()
def pair_statistics(loss: PairwiseKl, outputs: Tensor, classes: Tensor) -> dict[str, float]:
    """Compute the distances of a batch that the loss uses.

    Returns:
        mean_positive, mean_negative (divergence summed over directions), active_hinges (share of
        other-speaker divergences below the margin), collapsed_loss (the loss of equal outputs). A
        mean over no pairs is left out.
    """
    divergences, same = loss.divergences(outputs, classes)
    distance = divergences.sum(dim=1)
    values = {"collapsed_loss": loss.collapsed_loss(classes)}
    if same.any():
        values["mean_positive"] = float(distance[same].mean())
    if not same.all():
        others = divergences[~same]
        values["mean_negative"] = float(distance[~same].mean())
        seen = others.clamp(min=0).sqrt() if loss.config.root_negatives else others
        values["active_hinges"] = float((seen < loss.config.margin).float().mean())
    return values


@torch.no_grad()
def spread_statistics(embeddings: Tensor) -> dict[str, float]:
    """Measure how much of the space a batch of embeddings (B >= 2, D) fills.

    Returns:
        embedding_spread: root mean square distance of the unit vectors from their mean, 0 to 1;
        effective_rank: exp of the entropy of the centered embeddings' normalized singular values
        (O. Roy and M. Vetterli, "The effective rank", 2007). Empty if an embedding is not finite.
    """
    if not bool(embeddings.isfinite().all()):
        return {}
    directions = functional.normalize(embeddings.float(), dim=1)
    centered = directions - directions.mean(dim=0)
    shares = torch.linalg.svdvals(centered)
    shares = shares / shares.sum().clamp(min=torch.finfo(shares.dtype).tiny)
    entropy = -(shares * shares.clamp(min=torch.finfo(shares.dtype).tiny).log()).sum()
    return {
        "embedding_spread": float(centered.square().sum(dim=1).mean().sqrt()),
        "effective_rank": float(entropy.exp()),
    }


class CollapseAlarm:
    """A detector of collapsed embeddings that warns once."""

    def __init__(self) -> None:
        self._looks = 0
        self._said = False

    def look(self, loss: float, statistics: dict[str, float], *, margin: float) -> str | None:
        """Check one step, and return a warning or None.

        Args:
            loss: loss of this step.
            statistics: values of `pair_statistics` and `spread_statistics`, if available.
            margin: margin of the hinge.
        """
        reason = _reason(loss, statistics, margin)
        self._looks = self._looks + 1 if reason else 0
        if self._looks < _LOOKS or self._said:
            return None
        self._said = True
        return reason


def _reason(loss: float, statistics: dict[str, float], margin: float) -> str | None:
    collapsed = statistics.get("collapsed_loss")
    if collapsed and abs(loss - collapsed) <= _STUCK * collapsed:
        return (
            f"the loss stays at {loss:.4g}, {collapsed / margin:.3g} times the margin: all outputs "
            "are equal, or labels do not reach their distances; "
            "see docs/experiments/why-it-did-not-learn.md"
        )
    spread = statistics.get("embedding_spread", 1.0)
    rank = statistics.get("effective_rank", torch.inf)
    if spread < _LOW_SPREAD or rank < _LOW_RANK:
        return (
            f"the embeddings collapse (spread {spread:.3g}, effective rank {rank:.3g}): lower "
            "optim.learning_rate, or weigh other-speaker pairs more"
        )
    return None
