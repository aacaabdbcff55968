"""Until it is fitted, an embedding space changes nothing."""

from __future__ import annotations

import torch
from torch.nn import functional

from speakersdk_training.models.embedding_space import EmbeddingSpace


def test_unfitted_it_changes_nothing() -> None:
    directions = functional.normalize(torch.randn(3, 6), dim=1)
    torch.testing.assert_close(EmbeddingSpace(6)(directions), directions)


def test_directions_stay_directions() -> None:
    space = EmbeddingSpace(6)
    space.centre.normal_()
    space.whitening.normal_()
    moved = space(functional.normalize(torch.randn(3, 6), dim=1))
    torch.testing.assert_close(moved.norm(dim=1), torch.ones(3))
