"""A deeper encoder starts with the embeddings of the trained one, and its new blocks can learn."""

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


def encoders() -> tuple[TdnnEncoder, TdnnEncoder]:
    torch.manual_seed(1)
    trained = TdnnEncoder(SMALL, FrontendConfig())
    with torch.no_grad():  # norms as after training
        for name, value in trained.state_dict().items():
            if "norm" in name and value.is_floating_point():
                value.uniform_(0.5, 1.5)
    deep = TdnnEncoder(DEEP, FrontendConfig())
    deep.load_state_dict(grown_weights(trained.state_dict(), SMALL, deep, new_blocks=NEW_BLOCKS))
    return trained.eval(), deep


def test_the_embeddings_and_speech_are_those_of_the_trained_encoder() -> None:
    trained, deep = encoders()
    samples = 0.1 * torch.randn(3, 16000, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected, speech = trained.utterance(samples)
        embeddings, deep_speech = deep.eval().utterance(samples)
    torch.testing.assert_close(embeddings, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(deep_speech, speech, rtol=0, atol=1e-6)


@pytest.mark.parametrize("norm", ["blocks.1.project_norm", "front.norms.4", "front.norms.7"])
def test_new_blocks_have_gradients(norm: str) -> None:
    _, deep = encoders()
    samples = 0.1 * torch.randn(3, 16000, generator=torch.Generator().manual_seed(2))
    deep.train().utterance(samples)[0].square().sum().backward()
    gradient = deep.get_submodule(norm).get_parameter("weight").grad
    assert gradient is not None
    assert gradient.abs().min() > 0
