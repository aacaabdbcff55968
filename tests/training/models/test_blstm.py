"""The windowed encoder: its contract, and that it uses the whole window."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.errors import ConfigError
from speakersdk_training.losses.pairwise_kl import PairwiseKl, PairwiseKlConfig
from speakersdk_training.models.blstm import (
    BlstmConfig,
    BlstmEncoder,
    paper_blstm,
    seed_blstm,
    segment_mean,
)
from speakersdk_training.models.mel_filters import papers_frontend


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


def test_published_sizes() -> None:
    """Counted by hand from ANNPR 2018, Fig. 1, and from the question's code, with torch's biases.

    torch has two bias vectors per gate where Keras has one: 4 * units more for each direction.
    """
    papers = BlstmEncoder(paper_blstm(100), papers_frontend())
    lstm_biases = 2 * 2 * 4 * 256
    assert count(papers) == 3_426_992 + lstm_biases
    assert papers.embedding_dim == 512
    seed = BlstmEncoder(seed_blstm(), papers_frontend())
    assert count(seed) == 657_408 + 952_192 + 1_920 + 2 * 2 * 4 * 128
    assert seed.embedding_dim == 256


def count(encoder: BlstmEncoder) -> int:
    return sum(parameter.numel() for parameter in encoder.parameters())


@pytest.mark.parametrize("network", [paper_blstm(7), seed_blstm(), seed_blstm("softplus")])
@pytest.mark.parametrize("extract", range(4))
@torch.no_grad()
def test_any_layer_can_be_the_embedding(network: BlstmConfig, extract: int) -> None:
    """The place of a cut does not change the result at the end."""
    outputs = []
    for cut in (0, extract):
        torch.manual_seed(3)
        config = replace(network, units=4, extract=cut)
        encoder = BlstmEncoder(config, papers_frontend()).eval()
        embedding, _ = encoder.utterance(noise(2, 7264))
        assert embedding.shape == (2, encoder.embedding_dim)
        outputs.append(encoder.head(embedding))
    assert torch.equal(*outputs)
    assert outputs[0].shape == (2, network.dense[-1])


def test_activations_are_where_they_were() -> None:
    def kinds(config: BlstmConfig) -> list[list[str]]:
        dense = BlstmEncoder(replace(config, units=2), papers_frontend()).dense
        return [[type(part).__name__ for part in layer] for layer in dense]

    assert kinds(paper_blstm(3)) == [["Linear", "Dropout"], ["Linear"], ["Linear"]]
    first = ["Linear", "PReLU", "Dropout"]
    assert kinds(seed_blstm()) == [first, *[["Linear", "PReLU"]] * 3]
    assert kinds(seed_blstm("softplus"))[1:] == [["Linear", "Softplus"]] * 2 + [["Linear"]]


def test_outputs_begin_apart() -> None:
    """Nearly equal distributions give the pairwise KL loss no gradient at the start."""
    torch.manual_seed(1)
    encoder = BlstmEncoder(paper_blstm(100), papers_frontend()).eval()
    # Speech-like levels: log10(1 + 10,000 x) is 0 to 6.
    colors = 3 + torch.randn(8, 128, 1) + 0.3 * torch.randn(8, 128, 40)
    with torch.no_grad():
        outputs = encoder.head(encoder.embed_frames(colors))
    divergences, _ = PairwiseKl(PairwiseKlConfig()).divergences(outputs, torch.arange(8))
    assert float(divergences.mean()) > 0.01  # torch's own initialization gives 0.0001


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"extract": 1}, "expected extract from 0 to 0 dense layers, got 1"),
        ({"dense": (5, 0)}, r"expected sizes above 0, got units 256 and dense \(5, 0\)"),
        ({"window_s": 0.0}, "expected window_s above 0, got 0"),
    ],
)
def test_impossible_sizes_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BlstmConfig(**options)


def test_mean_of_whole_segments_the_rest_is_dropped() -> None:
    samples = torch.arange(20.0).reshape(2, 10)
    got = segment_mean(lambda x: x**2, samples, length=4, step=4)
    expected = torch.stack([(row[:4] ** 2 + row[4:8] ** 2) / 2 for row in samples])
    assert torch.equal(got, expected)


def test_features_are_cut_along_time() -> None:
    features = torch.arange(2 * 3 * 7.0).reshape(2, 3, 7)
    got = segment_mean(lambda x: x.flatten(1), features, length=3, step=2)
    parts = [features[:, :, start : start + 3].flatten(1) for start in (0, 2, 4)]
    assert torch.equal(got, torch.stack(parts).mean(dim=0))


def test_a_short_utterance_is_one_segment() -> None:
    assert torch.equal(
        segment_mean(lambda x: x.sum(1, keepdim=True), torch.ones(2, 3), length=4, step=4),
        torch.full((2, 1), 3.0),
    )
