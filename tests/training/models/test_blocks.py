"""Parts of the frame network: each streams and is causal, and the effect of each option."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch.nn import functional

from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.errors import ConfigError
from speakersdk_training.models.blocks import BandBlock, CausalBlock, FrameSqueeze, PlanarFront
from speakersdk_training.models.tdnn import TdnnConfig, TdnnEncoder

SMALL: dict[str, Any] = {
    "channels": 8,
    "expansion": 16,
    "kernel": 3,
    "dilations": (1, 3, 2),
    "joined_blocks": (1, 3),
    "pooled_channels": 12,
    "attention_channels": 4,
    "speech_channels": 4,
    "embedding_dim": 10,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "planar": {"planar_channels": 4},
    "stages": {"planar_channels": 2, "planar_blocks": (1, 2, 0), "planar_growth": 2},
    "bands": {"bands": (4, 0, 2)},
    "squeeze": {"squeeze_channels": 4},
    "scales": {"join_groups": 2},
    "all": {"planar_channels": 3, "bands": (4, 4, 4), "squeeze_channels": 4, "join_groups": 2},
}


def make_encoder(**options: Any) -> TdnnEncoder:
    """Set random weights, and norms as after training."""
    torch.manual_seed(5)
    encoder = TdnnEncoder(TdnnConfig(**SMALL, **options), FrontendConfig())
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.3)
    return encoder.eval()


@torch.no_grad()
@pytest.mark.parametrize("option", OPTIONS)
def test_a_stream_of_any_blocks_is_one_pass(option: str, generator: torch.Generator) -> None:
    encoder = make_encoder(**OPTIONS[option])
    context = encoder.frontend.config.context_samples
    samples = 0.1 * torch.randn(2, context + 160 * 30, generator=generator)
    weights = torch.rand(2, 30, generator=generator)
    cache, statistics = encoder.start(2)
    whole = encoder(samples, weights, cache, statistics)
    speech = []
    for first, last in pairwise([0, 1, 3, 13, 14, 30]):  # shorter than the past, and longer
        block = samples[:, first * 160 : last * 160 + context]
        embedding, hop, part, cache = encoder(block, weights[:, first:last], cache, statistics)
        statistics = statistics + hop
        speech.append(part)
    # The contract of the stateful graph is 1e-4; float32 reaches a hundredth of it here.
    for got, expected in zip(
        (embedding, statistics, torch.cat(speech, dim=1), cache), whole, strict=True
    ):
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_parameter_learns(option: str, generator: torch.Generator) -> None:
    encoder = make_encoder(**OPTIONS[option]).train()
    embedding, speech = encoder.utterance(torch.randn(4, 8000, generator=generator))
    assert speech is not None
    (embedding.square().mul(torch.rand(4, 10, generator=generator)).sum() + speech.sum()).backward()
    dead = [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.any()]
    assert dead == []


def test_a_front_meets_a_shifted_formant_with_the_same_weights(
    generator: torch.Generator,
) -> None:
    """A pattern four mel bands higher gives the same features, one band of the front higher."""
    torch.manual_seed(1)
    front = PlanarFront(64, 5, blocks=(1, 0), growth=1).eval()
    assert front.cache_shapes == [(64, 2), (160, 2), (160, 2), (160, 2)]
    assert front.channels == 5 * 16
    low = torch.zeros(1, 64, 9)
    low[:, 20:28] = torch.randn(1, 8, 9, generator=generator)
    high = low.roll(4, dims=1)
    pasts = [torch.zeros(1, *shape) for shape in front.cache_shapes]
    with torch.no_grad():
        one, other = (front(each, pasts)[0].reshape(5, 16, 9) for each in (low, high))
    # The edges of the bands are padded, in a zone of four layers; the middle is not affected.
    torch.testing.assert_close(one[:, 4:10], other[:, 5:11], rtol=1e-5, atol=1e-6)
    assert one[:, 4:10].abs().max() > 0.01


def test_stages_halve_the_bands_and_add_the_input_of_a_block(generator: torch.Generator) -> None:
    torch.manual_seed(1)
    front = PlanarFront(64, 3, blocks=(1, 0, 1), growth=2).eval()
    assert front.channels == 12 * 8
    log_mel = torch.randn(2, 64, 7, generator=generator)
    pasts = [torch.zeros(2, *shape) for shape in front.cache_shapes]
    layers = iter(front.layers)
    scale = (1 + front.norms[0].eps) ** -0.5  # running mean 0 and variance 1

    def convolved(planes: torch.Tensor, stride: int) -> torch.Tensor:
        padded = functional.pad(planes, (2, 0, 1, 1))  # two past frames, one band on each side
        return scale * functional.conv2d(padded, next(layers).weight, stride=(stride, 1))

    def block(planes: torch.Tensor) -> torch.Tensor:
        return functional.relu(planes + convolved(functional.relu(convolved(planes, 1)), 1))

    with torch.no_grad():
        got, _ = front(log_mel, pasts)
        expected = block(functional.relu(convolved(log_mel.unsqueeze(1), 2)))
        expected = functional.relu(convolved(expected, 2))
        expected = block(functional.relu(convolved(expected, 2)))
    torch.testing.assert_close(got, expected.flatten(1, 2), rtol=1e-5, atol=1e-6)


def test_a_band_block_is_a_convolution_over_bands(generator: torch.Generator) -> None:
    block = BandBlock(12, 4).eval()
    features = torch.rand(2, 12, 7, generator=generator)
    past = torch.rand(2, 12, 2, generator=generator)
    with torch.no_grad():
        got, tail = block(features, past)
    planes = torch.cat([past, features], dim=2).reshape(2, 3, 4, 9)
    padded = torch.nn.functional.pad(planes, (0, 0, 1, 1))
    weights = block.planar.weight.detach()
    expected = torch.zeros(2, 3, 4, 7)
    for band in range(4):
        for frame in range(7):
            patch = padded[:, :, band : band + 3, frame : frame + 3]
            expected[:, :, band, frame] = torch.einsum("bcij,ocij->bo", patch, weights)
    scale = (1 + block.planar_norm.eps) ** -0.5  # running mean 0 and variance 1
    expected = torch.relu(features + scale * expected.reshape(2, 12, 7))
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(tail, features[:, :, -2:])


def test_a_squeeze_gates_each_frame_separately(generator: torch.Generator) -> None:
    squeeze = FrameSqueeze(6, 3)
    features = torch.rand(2, 6, 5, generator=generator)
    with torch.no_grad():
        gated = squeeze(features)
        alone = squeeze(features[:, :, 3:4])
    torch.testing.assert_close(gated[:, :, 3:4], alone)
    assert (gated <= features).all()
    assert (gated > 0).all()


def test_groups_keep_depths_apart() -> None:
    """With as many groups as joined blocks, half of the pooled features use one block."""
    encoder = make_encoder(join_groups=2)
    joined = torch.rand(1, 16, 3)
    changed = joined.clone()
    changed[:, 8:] += 1
    with torch.no_grad():
        one, other = encoder.join(joined), encoder.join(changed)
    assert torch.equal(one[:, :6], other[:, :6])
    assert not torch.equal(one[:, 6:], other[:, 6:])


def test_paths_are_dropped_while_training_only() -> None:
    torch.manual_seed(3)
    block = CausalBlock(4, 8, 3, 1, drop_path=0.5)
    features, past = torch.rand(400, 4, 6), torch.zeros(400, 4, 2)
    out, _ = block(features, past)
    skipped = torch.isclose(out, features).flatten(1).all(dim=1).float().mean()
    assert 0.5 - 5 * 0.025 < float(skipped) < 0.5 + 5 * 0.025  # five deviations of 400 draws
    block.eval()
    one, other = block(features, past)[0], block(features, past)[0]
    assert torch.equal(one, other)
    assert not torch.isclose(one, features).flatten(1).all(dim=1).any()


def test_hidden_features_have_no_effect(generator: torch.Generator) -> None:
    encoder = make_encoder()
    samples = torch.randn(2, 8000, generator=generator)
    weights = torch.ones(2, 64, 48)
    with torch.no_grad():
        plain = encoder.utterance(samples)[0]
        assert torch.equal(plain, encoder.utterance(samples, weights)[0])
        weights[1, :, 20:30] = 0
        masked = encoder.utterance(samples, weights)[0]
    assert torch.equal(masked[0], plain[0])
    assert not torch.isclose(masked[1], plain[1]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bands": (4, 4)}, "expected bands for each of 3 blocks"),
        ({"bands": (3, 0, 0)}, "expected bands that divide 8"),
        ({"join_groups": 5}, "expected join_groups that divides 16 and 12, got 5"),
        ({"drop_path": 1.0}, r"expected drop_path in \[0, 1\)"),
        ({"planar_blocks": ()}, "expected planar_blocks of one stage or more"),
        ({"planar_blocks": (1, -1)}, r"expected planar_blocks .* got \(1, -1\) and 1"),
        ({"planar_growth": 0}, "planar_growth of 1 or more, got .* and 0"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TdnnConfig(**SMALL, **options)
