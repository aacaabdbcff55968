"""Prototypical and GE2E losses, compared with loops over utterances, and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from speakersdk_training.errors import TrainingError
from speakersdk_training.losses.prototypical import Ge2e, Prototypical, PrototypicalConfig

CLASSES = np.array([4, 1, 7, 1, 4, 7, 7, 1, 4])  # three speakers, three utterances, mixed
SCALE, OFFSET = 8.0, -3.0


def unit(vector: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return vector / np.linalg.norm(vector)


def cross_entropy(cosines: list[float], own: int) -> float:
    logits = SCALE * np.array(cosines) + OFFSET
    return float(np.log(np.exp(logits).sum()) - logits[own])


def prototypical(x: npt.NDArray[np.float64]) -> float:
    groups = [x[speaker == CLASSES] for speaker in (1, 4, 7)]
    prototypes = [unit(group[:2].mean(axis=0)) for group in groups]
    return float(
        np.mean(
            [
                cross_entropy([float(unit(group[2]) @ p) for p in prototypes], own)
                for own, group in enumerate(groups)
            ]
        )
    )


def ge2e(x: npt.NDArray[np.float64]) -> float:
    groups = [np.array([unit(row) for row in x[speaker == CLASSES]]) for speaker in (1, 4, 7)]
    losses = []
    for own, group in enumerate(groups):
        for take, row in enumerate(group):
            centroids = [unit(each.mean(axis=0)) for each in groups]
            centroids[own] = unit(np.delete(group, take, axis=0).mean(axis=0))
            losses.append(cross_entropy([float(row @ c) for c in centroids], own))
    return float(np.mean(losses))


@pytest.mark.parametrize(
    ("kind", "reference"),
    [(Prototypical, prototypical), (Ge2e, ge2e)],
    ids=["prototypical", "ge2e"],
)
def test_values_and_gradients(rng: np.random.Generator, kind: Any, reference: Any) -> None:
    outputs = rng.standard_normal((9, 5))
    loss: nn.Module = kind(PrototypicalConfig(scale=SCALE, offset=OFFSET)).double()
    inputs = torch.from_numpy(outputs).requires_grad_()
    classes = torch.from_numpy(CLASSES)
    assert float(loss(inputs, classes).detach()) == pytest.approx(reference(outputs), rel=1e-12)
    assert torch.autograd.gradcheck(
        lambda x, scale, offset: torch.func.functional_call(
            loss, {"scale": scale, "offset": offset}, (x, classes)
        ),
        (inputs, loss.scale, loss.offset),
    )


@pytest.mark.parametrize("kind", [Prototypical, Ge2e])
@pytest.mark.parametrize("classes", [[0, 0, 0, 1], [0, 1, 2, 3], [5, 5, 5, 5]])
def test_batches_must_hold_equal_groups(kind: Any, classes: list[int]) -> None:
    with pytest.raises(TrainingError, match="P >= 2 speakers with K >= 2 utterances each"):
        kind(PrototypicalConfig())(torch.zeros(4, 3), torch.tensor(classes))


class HostReads(TorchDispatchMode):
    """Operators that wait for a GPU, because the size or value of their result must be known."""

    NAMES = ("_local_scalar_dense", "bincount", "masked_select", "nonzero", "_unique2")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        has_mask = func.overloadpacket is torch.ops.aten.index and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        if has_mask or func.overloadpacket.__name__ in self.NAMES:
            self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("kind", [Prototypical, Ge2e])
def test_nothing_waits_for_the_device_but_the_check(kind: Any) -> None:
    outputs = torch.randn(9, 5, requires_grad=True)
    with HostReads() as reads:
        kind(PrototypicalConfig())(outputs, torch.from_numpy(CLASSES)).backward()
    assert reads.seen == []  # the check itself is a copy to the host, which is no operator here


@pytest.mark.parametrize("kind", [Prototypical, Ge2e])
def test_shapes_must_fit(kind: Any) -> None:
    with pytest.raises(ValueError, match=r"expected outputs \(B, D\) and classes \(B,\), got"):
        kind(PrototypicalConfig())(torch.zeros(4, 2), torch.zeros(4, 1, dtype=torch.long))
