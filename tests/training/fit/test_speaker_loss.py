"""The inputs of each configured loss, and the weights that it trains."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from speakersdk_training.checkpoint import make_encoder
from speakersdk_training.config import TrainConfig, config_from_dict
from speakersdk_training.fit.speaker_loss import SpeakerLoss
from speakersdk_training.losses.pairwise_kl import PairwiseKl
from speakersdk_training.models.blstm import BlstmEncoder

CLASSES = torch.tensor([0, 0, 1, 1])


def configured(values: dict[str, Any], loss: str, **dense: Any) -> TrainConfig:
    values["run"] |= {"loss": loss, "encoder": "blstm"}
    values["blstm"] = {"units": 3, "dropout": 0.0, "dense_dropout": 0.0, **dense}
    return config_from_dict(values)


def test_a_pair_loss_compares_what_the_dense_layers_make(tiny_values: dict[str, Any]) -> None:
    config = configured(tiny_values, "pairwise_kl", dense=[7, 5], extract=1)
    encoder = make_encoder(config)
    assert isinstance(encoder, BlstmEncoder)
    loss = SpeakerLoss(config, encoder, num_classes=2)
    embeddings = torch.randn(4, 7, generator=torch.Generator().manual_seed(1), requires_grad=True)
    value = loss(embeddings, CLASSES, margin=0.0)
    assert float(value.detach()) == pytest.approx(
        float(PairwiseKl(config.pairwise_kl)(encoder.head(embeddings), CLASSES).detach())
    )
    value.backward()
    trained = {name for name, weight in encoder.named_parameters() if weight.grad is not None}
    assert trained == {"dense.1.0.weight", "dense.1.0.bias"}
    # They belong to the encoder: an optimizer with both modules must not see them twice.
    assert list(loss.parameters()) == []


def test_margin_softmax_looks_at_the_embedding_itself(tiny_values: dict[str, Any]) -> None:
    config = configured(tiny_values, "margin_softmax", dense=[7])
    loss = SpeakerLoss(config, make_encoder(config), num_classes=2)
    assert [tuple(weight.shape) for weight in loss.parameters()] == [(2, 6)]
    embeddings = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    easy, hard = (float(loss(embeddings, CLASSES, margin=at).detach()) for at in (0.0, 0.2))
    assert hard > easy
    assert set(loss.statistics(embeddings, CLASSES)) == {"embedding_spread", "effective_rank"}


def test_pairwise_kl_has_monitors_and_an_alarm(tiny_values: dict[str, Any]) -> None:
    config = configured(tiny_values, "pairwise_kl")
    loss = SpeakerLoss(config, make_encoder(config), num_classes=2)
    statistics = loss.statistics(torch.ones(4, 6), CLASSES)
    assert statistics["active_hinges"] == 1
    said = [loss.alarm(statistics["collapsed_loss"], statistics) for _ in range(6)]
    # Six pairs, four of them of two speakers: 2 * 4 / 6 margins.
    assert [text for text in said if text] == [said[4]]
    assert "1.33 times the margin" in str(said[4])


@pytest.mark.parametrize("loss", ["pair_likelihood", "jensen_shannon", "prototypical", "ge2e"])
def test_every_loss_gives_gradients(tiny_values: dict[str, Any], loss: str) -> None:
    config = configured(tiny_values, loss)
    embeddings = torch.randn(4, 6, generator=torch.Generator().manual_seed(1), requires_grad=True)
    SpeakerLoss(config, make_encoder(config), num_classes=2)(
        embeddings, CLASSES, margin=0.2
    ).backward()
    assert embeddings.grad is not None
    assert float(embeddings.grad.abs().max()) > 0
