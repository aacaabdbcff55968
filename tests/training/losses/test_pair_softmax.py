"""Pairs within a batch, compared with a loop in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from speakersdk.errors import ConfigError
from speakersdk_training.losses.pair_softmax import PairSoftmax, PairSoftmaxConfig

TEMPERATURE = 4.0
CLASSES = [0, 0, 1, 2, 2, 2]


def reference(embeddings: np.ndarray, config: PairSoftmaxConfig) -> float:
    """Compute one ordered pair after the other, in float64."""
    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)

    def similarity(a: np.ndarray, b: np.ndarray) -> float:
        if config.similarity == "cosine":
            return float(a @ b)
        p, q = (np.exp(TEMPERATURE * x) / np.exp(TEMPERATURE * x).sum() for x in (a, b))
        divergence = float((p - q) @ (TEMPERATURE * (a - b)))
        return 1 - divergence / (2 * TEMPERATURE**2 / len(a))

    losses = []
    for row, own in enumerate(CLASSES):
        logits = {}
        for other, theirs in enumerate(CLASSES):
            if other != row:
                margin = config.margin if theirs == own else 0.0
                logits[other] = config.scale * (similarity(units[row], units[other]) - margin)
        total = np.log(sum(np.exp(value) for value in logits.values()))
        losses += [total - logits[other] for other in logits if CLASSES[other] == own]
    return float(np.mean(losses))


@pytest.mark.parametrize("similarity", ["cosine", "symmetric_kl"])
def test_values_and_gradients(similarity: str, rng: np.random.Generator) -> None:
    config = PairSoftmaxConfig(weight=1.0, similarity=similarity, scale=8.0, margin=0.15)  # type: ignore[arg-type]
    embeddings = rng.standard_normal((6, 5))
    tensor = torch.from_numpy(embeddings).float().requires_grad_()
    loss = PairSoftmax(config, temperature=TEMPERATURE)(tensor, torch.tensor(CLASSES))
    # float32 similarities of about 1e-7, times the scale.
    assert float(loss.detach()) == pytest.approx(reference(embeddings, config), rel=1e-5)
    loss.backward()
    step = 1e-5
    for place in [(0, 0), (2, 3), (5, 4)]:
        ends = []
        for sign in (1, -1):
            moved = embeddings.copy()
            moved[place] += sign * step
            ends.append(reference(moved, config))
        assert tensor.grad is not None
        slope = (ends[0] - ends[1]) / (2 * step)
        assert float(tensor.grad[place]) == pytest.approx(slope, rel=1e-3, abs=1e-5)


def test_without_a_pair_there_is_nothing_to_learn(rng: np.random.Generator) -> None:
    embeddings = torch.from_numpy(rng.standard_normal((3, 4))).float().requires_grad_()
    loss = PairSoftmax(PairSoftmaxConfig(weight=1.0), temperature=1.0)(embeddings, torch.arange(3))
    loss.backward()
    assert float(loss.detach()) == 0
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()


def test_wrong_shapes_and_ranges_are_refused() -> None:
    loss = PairSoftmax(PairSoftmaxConfig(weight=1.0), temperature=1.0)
    with pytest.raises(ValueError, match=r"expected outputs \(B, D\) and classes \(B,\)"):
        loss(torch.zeros(3, 4), torch.zeros(3, 1))
    with pytest.raises(ConfigError, match=r"expected pair_softmax.weight of 0 or more"):
        PairSoftmaxConfig(weight=-1.0)
