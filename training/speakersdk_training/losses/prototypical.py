"""Prototypical and GE2E losses: an utterance is compared with means of other utterances.

Both need batches of P speakers with K utterances each, and learn a scale and an offset.
Sources: J. Chung et al., "In defence of metric learning for speaker recognition", 2020, eq. 4-7
(angular prototypical); L. Wan et al., "Generalized end-to-end loss", 2018, eq. 5-8 (softmax form).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from speakersdk_training.errors import TrainingError
from speakersdk_training.losses.batch_pairs import checked_batch

# The scale must stay positive: a negative one would reverse similarity.
_MINIMUM_SCALE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class PrototypicalConfig:
    """Settings of both losses.

    Attributes:
        scale, offset: initial values of w and b of w cos + b.
    """

    scale: float = 10.0
    offset: float = -5.0


class _SpeakerSoftmax(nn.Module):
    """A softmax over the speakers of a batch, with a learned scale and offset of the cosine."""

    def __init__(self, config: PrototypicalConfig) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(config.scale))
        self.offset = nn.Parameter(torch.tensor(config.offset))

    def _cross_entropy(self, cosine: Tensor, targets: Tensor) -> Tensor:
        logits = self.scale.clamp(min=_MINIMUM_SCALE) * cosine + self.offset
        return functional.cross_entropy(logits, targets)


class Prototypical(_SpeakerSoftmax):
    """Angular prototypical loss: each speaker's last utterance and the means of the others."""

    def forward(self, embeddings: Tensor, classes: Tensor) -> Tensor:
        """Compute the mean loss of (B, D) embeddings and (B,) int64 classes in equal groups."""
        groups = by_class(embeddings, classes)  # (P, K, D)
        queries = functional.normalize(groups[:, -1], dim=1)
        prototypes = functional.normalize(groups[:, :-1].mean(dim=1), dim=1)
        targets = torch.arange(len(queries), device=queries.device)
        return self._cross_entropy(queries @ prototypes.T, targets)


class Ge2e(_SpeakerSoftmax):
    """GE2E loss, softmax form: every utterance and all centroids, its own without itself."""

    def forward(self, embeddings: Tensor, classes: Tensor) -> Tensor:
        """Compute the mean loss of (B, D) embeddings and (B,) int64 classes in equal groups."""
        utterances = functional.normalize(by_class(embeddings, classes), dim=2)  # (P, K, D)
        speakers, takes, _ = utterances.shape
        total = utterances.sum(dim=1)
        centroids = functional.normalize(total, dim=1)
        others = functional.normalize(total[:, None] - utterances, dim=2)
        cosine = utterances @ centroids.T  # (P, K, P)
        own = (utterances * others).sum(dim=2)
        is_own = torch.eye(speakers, dtype=torch.bool, device=cosine.device)[:, None, :]
        cosine = torch.where(is_own, own[:, :, None], cosine).reshape(speakers * takes, speakers)
        targets = torch.arange(speakers, device=cosine.device).repeat_interleave(takes)
        return self._cross_entropy(cosine, targets)


def by_class(embeddings: Tensor, classes: Tensor) -> Tensor:
    """Group rows (B, D) by class: (P, K, D).

    Raises:
        ValueError: the shapes do not fit.
        TrainingError: there are fewer than two classes, or their numbers of rows differ or are
            below two.
    """
    values = checked_batch(embeddings, classes)
    # Counting on the host waits for the device once; counting on the device waits five times.
    of_class = Counter(classes.tolist())
    counts = [of_class[label] for label in sorted(of_class)]
    takes = min(counts, default=0)
    if len(counts) < 2 or takes < 2 or takes < max(counts):
        raise TrainingError(
            "expected batches of P >= 2 speakers with K >= 2 utterances each, got "
            f'{counts}; set sampler.kind = "grouped"'
        )
    order = classes.argsort(stable=True)
    return values[order].reshape(len(counts), takes, -1)
