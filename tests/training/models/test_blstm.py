"""The windowed encoder: its contract, and that it listens to the whole window."""

from __future__ import annotations

import pytest
import torch

from speakersdk.frontend import FrontendConfig
from speakersdk_training.models import BlstmConfig, BlstmEncoder


@pytest.fixture(scope="module")
def encoder() -> BlstmEncoder:
    torch.manual_seed(1)
    return BlstmEncoder(BlstmConfig(units=6, temperature=2.5), FrontendConfig()).eval()


def noise(batch: int, num_samples: int) -> torch.Tensor:
    return 0.1 * torch.randn(batch, num_samples, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("num_samples", [400, 401, 560, 3999, 16000])
@torch.no_grad()
def test_any_length_gives_an_embedding_of_length_t(encoder: BlstmEncoder, num_samples: int) -> None:
    embedding = encoder(noise(3, num_samples))
    assert embedding.shape == (3, encoder.embedding_dim) == (3, 12)
    assert embedding.dtype == torch.float32
    # float32: squares of 12 values, a root, a division, a product.
    torch.testing.assert_close(embedding.norm(dim=1), torch.full((3,), 2.5), rtol=2e-6, atol=0)


@torch.no_grad()
def test_both_ends_of_the_window_count(encoder: BlstmEncoder) -> None:
    samples = noise(1, 8000)
    whole = encoder(samples)
    for part in (slice(0, 400), slice(7600, 8000)):
        changed = samples.clone()
        changed[:, part] = 0
        assert (encoder(changed) - whole).abs().max() > 1e-3


@torch.no_grad()
def test_rows_of_a_batch_do_not_touch_each_other(encoder: BlstmEncoder) -> None:
    samples = noise(3, 4000)
    alone = torch.cat([encoder(row[None]) for row in samples])
    torch.testing.assert_close(encoder(samples), alone, rtol=0, atol=1e-5)


@torch.no_grad()
def test_forward_is_the_scaled_utterance(encoder: BlstmEncoder) -> None:
    samples = noise(2, 4000)
    embedding, speech = encoder.utterance(samples)
    assert speech is None
    assert torch.equal(encoder(samples), encoder.scale(embedding))


def test_default_has_the_sizes_of_the_paper() -> None:
    encoder = BlstmEncoder(BlstmConfig(), FrontendConfig())
    assert encoder.embedding_dim == 512
    # One direction of a layer: 4 gates x units x (inputs + units + 2 biases).
    layers = 2 * 4 * 256 * ((64 + 256 + 2) + (512 + 256 + 2))
    assert sum(p.numel() for p in encoder.parameters()) == layers + 2 * 64  # and the input norm
