"""A larger encoder starts with the embeddings of the trained one, and its new weights can learn."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from speakersdk.encoder.frontend import FrontendConfig
from speakersdk_training.models.growth import grown_weights
from speakersdk_training.models.tdnn import TdnnConfig, TdnnEncoder

SMALL = TdnnConfig(
    channels=24,
    expansion=32,
    dilations=(1, 2),
    joined_blocks=(1, 2),
    pooled_channels=32,
    attention_channels=8,
    embedding_dim=16,
    planar_channels=2,
    planar_blocks=(1, 0),
)
DEEP = replace(SMALL, dilations=(1, 3, 2, 1), joined_blocks=(2, 4), planar_blocks=(2, 1))
NEW_BLOCKS = (2, 4)
WIDE = replace(
    SMALL,
    channels=36,
    expansion=40,
    pooled_channels=48,
    attention_channels=12,
    speech_channels=24,
    planar_channels=3,
    hidden_channels=20,
)
GROUPED = {"join_groups": 2}  # every depth is pooled separately


def encoders(
    small: TdnnConfig, large: TdnnConfig, new_blocks: tuple[int, ...] = ()
) -> tuple[TdnnEncoder, TdnnEncoder]:
    torch.manual_seed(1)
    trained = TdnnEncoder(small, FrontendConfig())
    with torch.no_grad():  # norms as after training
        for name, value in trained.state_dict().items():
            if "norm" in name and value.is_floating_point():
                value.uniform_(0.5, 1.5)
    grown = TdnnEncoder(large, FrontendConfig())
    grown.load_state_dict(grown_weights(trained.state_dict(), small, grown, new_blocks=new_blocks))
    return trained.eval(), grown


@pytest.mark.parametrize(
    ("small", "large", "new_blocks"),
    [
        (SMALL, DEEP, NEW_BLOCKS),
        (SMALL, WIDE, ()),
        (replace(SMALL, **GROUPED), replace(WIDE, **GROUPED), ()),
        (WIDE, replace(WIDE, pooled_channels=64, hidden_channels=32), ()),
        (SMALL, replace(WIDE, dilations=DEEP.dilations, joined_blocks=(2, 4)), NEW_BLOCKS),
    ],
)
def test_the_embeddings_and_speech_are_those_of_the_trained_encoder(
    small: TdnnConfig, large: TdnnConfig, new_blocks: tuple[int, ...]
) -> None:
    trained, grown = encoders(small, large, new_blocks)
    samples = 0.1 * torch.randn(3, 16000, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected, speech = trained.utterance(samples)
        embeddings, grown_speech = grown.eval().utterance(samples)
    # Sums of more terms are rounded in another order, relative to embeddings of about 30.
    torch.testing.assert_close(embeddings, expected, rtol=1e-6, atol=1e-4)
    torch.testing.assert_close(grown_speech, speech, rtol=1e-6, atol=1e-5)


def squared_gradients(encoder: TdnnEncoder, name: str) -> torch.Tensor:
    samples = 0.1 * torch.randn(3, 16000, generator=torch.Generator().manual_seed(2))
    encoder.train().utterance(samples)[0].square().sum().backward()
    gradient = encoder.get_parameter(name).grad
    assert gradient is not None
    return gradient.square()


@pytest.mark.parametrize("norm", ["blocks.1.project_norm", "front.norms.4", "front.norms.7"])
def test_new_blocks_have_gradients(norm: str) -> None:
    _, deep = encoders(SMALL, DEEP, NEW_BLOCKS)
    assert squared_gradients(deep, f"{norm}.weight").min() > 0


@pytest.mark.parametrize("name", ["hidden.project.weight", "embedding.weight", "input.weight"])
def test_connections_to_new_channels_have_gradients(name: str) -> None:
    _, wide = encoders(SMALL, WIDE)
    gradients = squared_gradients(wide, name)
    assert (gradients > 0).float().mean() > 0.5  # a ReLU silences some
