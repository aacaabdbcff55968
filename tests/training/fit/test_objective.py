"""A step minimizes the weighted sum of the parts of the loss."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from speakersdk_training.checkpoint import make_encoder
from speakersdk_training.config import config_from_dict
from speakersdk_training.data.crops import Batch
from speakersdk_training.fit.objective import Objective


@pytest.fixture
def batch(generator: torch.Generator) -> Batch:
    return Batch(
        samples=0.1 * torch.randn(6, 4000, generator=generator),
        classes=torch.tensor([0, 0, 1, 1, 2, 2]),
        speech=torch.rand(6, 23, generator=generator),
    )


def make(values: dict[str, Any]) -> Objective:
    config = config_from_dict(values)
    torch.manual_seed(1)
    return Objective(config, make_encoder(config), num_classes=3).eval()


@torch.no_grad()
def test_the_loss_is_the_weighted_sum_of_its_parts(
    tiny_values: dict[str, Any], batch: Batch
) -> None:
    tiny_values["run"]["speech_weight"] = 0.3
    tiny_values["sampler"] = {"kind": "grouped", "per_speaker": 2}
    tiny_values["pair_softmax"] = {"weight": 0.5}
    loss, parts, embeddings = make(tiny_values)(batch, margin=0.5)
    assert len(embeddings) == len(batch.classes)
    assert set(parts) == {"speaker_loss", "pair_loss", "speech_loss"}
    total = parts["speaker_loss"] + 0.5 * parts["pair_loss"] + 0.3 * parts["speech_loss"]
    torch.testing.assert_close(loss, total)


@torch.no_grad()
def test_two_voices_share_the_loss(tiny_values: dict[str, Any], batch: Batch) -> None:
    objective = make(tiny_values)
    second = batch.classes.roll(2)

    def loss(classes: torch.Tensor, **parts: Any) -> torch.Tensor:
        one = Batch(batch.samples, classes, None, **parts)
        return objective(one, margin=1.0)[0]

    weight = torch.full((6,), 0.7)
    mixed = loss(batch.classes, second=second, first_weight=weight)
    torch.testing.assert_close(mixed, 0.7 * loss(batch.classes) + 0.3 * loss(second))


@torch.no_grad()
def test_masks_reach_the_encoder(tiny_values: dict[str, Any], batch: Batch) -> None:
    objective = make(tiny_values)
    plain = objective(Batch(batch.samples, batch.classes, None), margin=0.0)[0]
    ones = torch.ones(6, 64, 23)
    same = objective(Batch(batch.samples, batch.classes, None, feature_weights=ones), margin=0.0)[0]
    hidden = objective(
        Batch(batch.samples, batch.classes, None, feature_weights=0 * ones), margin=0.0
    )[0]
    assert torch.equal(plain, same)
    assert not torch.isclose(plain, hidden)
