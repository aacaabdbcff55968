"""The contract of both encoders with training, checkpoints and export."""

from __future__ import annotations

import pytest
import torch

from speakersdk.encoder.frontend import FrontendConfig
from speakersdk_training.models.blstm import BlstmConfig, BlstmEncoder
from speakersdk_training.models.encoder import Encoder
from speakersdk_training.models.tdnn import TdnnConfig, TdnnEncoder


@pytest.fixture(params=["stateful", "windowed"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    torch.manual_seed(3)
    if request.param == "stateful":
        return TdnnEncoder(TdnnConfig(), FrontendConfig()).eval()
    return BlstmEncoder(BlstmConfig(units=5, window_s=0.5), FrontendConfig()).eval()


@torch.no_grad()
def test_the_interface_is_kept(encoder: Encoder) -> None:
    samples = 0.1 * torch.randn(2, 20_000)
    embedding, speech = encoder.utterance(samples)
    assert embedding.shape == (2, encoder.embedding_dim)
    assert (speech is not None) is encoder.has_speech_head
    assert encoder.embed(samples).shape == embedding.shape
    lengths = torch.linalg.vector_norm(encoder.scale(embedding), dim=1)
    torch.testing.assert_close(lengths, torch.full((2,), encoder.temperature))
    assert encoder.head(embedding).shape[0] == 2


@torch.no_grad()
def test_an_embedding_of_a_windowed_encoder_is_the_mean_of_its_windows() -> None:
    encoder = BlstmEncoder(BlstmConfig(units=5, window_s=0.5), FrontendConfig()).eval()
    samples = 0.1 * torch.randn(1, 20_000)
    first, second = (encoder.utterance(part)[0] for part in samples[:, :16_000].split(8000, 1))
    torch.testing.assert_close(encoder.embed(samples), (first + second) / 2)
