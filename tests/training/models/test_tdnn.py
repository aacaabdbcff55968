"""The stateful encoder: a stream gives the result of one pass, and the future has no effect."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speakersdk.encoder.frontend import FrontendConfig
from speakersdk.errors import ConfigError
from speakersdk_training.models.tdnn import TdnnConfig, TdnnEncoder

CONFIG = TdnnConfig(
    channels=8,
    expansion=16,
    kernel=3,
    dilations=(1, 3, 2),
    joined_blocks=(1, 3),
    pooled_channels=12,
    attention_channels=4,
    speech_channels=4,
    embedding_dim=10,
    temperature=3.0,
)
# The contract of the stateful graph. float32 reaches one hundredth of it here.
TOLERANCE = 1e-4


def make_encoder() -> TdnnEncoder:
    """Set random weights, and norms that are not the identity, in eval mode."""
    torch.manual_seed(5)
    encoder = TdnnEncoder(CONFIG, FrontendConfig())
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.3)
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 1.5)
    return encoder.eval()


ENCODER = make_encoder()


def audio(batch: int, num_frames: int) -> torch.Tensor:
    """(batch, n) noise with the zero before the first sample, of exactly `num_frames` frames."""
    samples = 0.1 * torch.randn(
        batch, 400 + 160 * (num_frames - 1), generator=torch.Generator().manual_seed(num_frames)
    )
    return torch.nn.functional.pad(samples, (1, 0))


@torch.no_grad()
def stream(
    samples: torch.Tensor, weights: torch.Tensor, ends: list[int]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Run blocks that end at these frames. Returns embedding, statistics, speech and last cache."""
    context = ENCODER.frontend.config.context_samples
    cache, statistics = ENCODER.start(len(samples))
    speech = []
    embedding = torch.empty(0)
    for first, last in pairwise([0, *ends]):
        block = samples[:, first * 160 : last * 160 + context]
        embedding, hop, part, cache = ENCODER(block, weights[:, first:last], cache, statistics)
        statistics = statistics + hop
        speech.append(part)
    return embedding, statistics, torch.cat(speech, dim=1), cache


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.booleans())
def test_any_blocks_give_what_one_pass_gives(sizes: list[int], weighted: bool) -> None:
    ends = [int(end) for end in np.cumsum(sizes)]
    samples = audio(2, ends[-1])
    weights = torch.ones(2, ends[-1])
    if weighted:
        weights = torch.rand(2, ends[-1], generator=torch.Generator().manual_seed(1))
    for got, expected in zip(
        stream(samples, weights, ends), stream(samples, weights, [ends[-1]]), strict=True
    ):
        torch.testing.assert_close(got, expected, rtol=TOLERANCE, atol=TOLERANCE)


@torch.no_grad()
def test_outputs_have_the_shapes_of_the_contract() -> None:
    samples = audio(2, 7)
    cache, statistics = ENCODER.start(2)
    embedding, hop, speech, next_cache = ENCODER(samples, torch.ones(2, 7), cache, statistics)
    # The input convolution keeps kernel - 1 frames of 64 mels, a block (kernel - 1) x dilation.
    assert cache.shape == next_cache.shape == (2, ENCODER.cache_size) == (2, 2 * 64 + 12 * 8)
    assert statistics.shape == hop.shape == (2, ENCODER.statistics_size) == (2, 3 * 12)
    assert embedding.shape == (2, ENCODER.embedding_dim) == (2, 10)
    assert speech.shape == (2, 7)
    assert ((speech > 0) & (speech < 1)).all()
    assert ENCODER.temperature == 3.0
    # float32: squares of 10 values, a root, a division, a product.
    torch.testing.assert_close(embedding.norm(dim=1), torch.full((2,), 3.0), rtol=2e-6, atol=0)


@torch.no_grad()
def test_frames_of_weight_zero_are_absent() -> None:
    """Sums with a mask and with its complement add up to all; one mask is not all."""
    samples, cache = audio(1, 20), ENCODER.start(1)[0]
    nothing = torch.zeros(1, ENCODER.statistics_size)
    mask = (torch.arange(20) % 3 > 0).float()[None]

    def sums(weights: torch.Tensor) -> torch.Tensor:
        hop: torch.Tensor = ENCODER(samples, weights, cache, nothing)[1]
        return hop

    assert torch.equal(sums(torch.zeros(1, 20)), nothing)
    everything = sums(torch.ones(1, 20))
    torch.testing.assert_close(sums(mask) + sums(1 - mask), everything, rtol=1e-5, atol=1e-5)
    assert (sums(mask) - everything).abs().max() > 0.1

    # The sound of a masked frame affects only the frames after it.
    last = (torch.arange(20) < 19).float()[None]
    before = sums(last)
    samples[:, -159:] = 0.3  # the last frame's own samples
    assert torch.equal(sums(last), before)


@torch.no_grad()
def test_the_future_does_not_change_the_past() -> None:
    samples = audio(1, 40)
    cache, nothing = ENCODER.start(1)
    frame = 23  # the first frame that a change affects
    changed = samples.clone()
    first_changed = 1 + 400 + (frame - 1) * 160  # one past the last sample of the frame before
    changed[:, first_changed:] *= -2
    features = [
        ENCODER.frame_features(ENCODER.log_mel(each), cache)[0] for each in (samples, changed)
    ]
    difference = (features[0] - features[1]).abs().amax(dim=(0, 1))
    assert difference[:frame].max() == 0
    assert difference[frame:].min() > 0

    until = (torch.arange(40) < frame).float()[None]
    hops = [ENCODER(each, until, cache, nothing)[1] for each in (samples, changed)]
    assert torch.equal(*hops)


@torch.no_grad()
def test_utterance_is_one_block_from_the_start() -> None:
    samples = audio(2, 15)
    embedding, speech_logits = ENCODER.utterance(samples[:, 1:])
    got = ENCODER(samples, torch.ones(2, 15), *ENCODER.start(2))
    torch.testing.assert_close(ENCODER.scale(embedding), got[0], rtol=1e-6, atol=1e-6)
    assert speech_logits is not None
    torch.testing.assert_close(torch.sigmoid(speech_logits), got[2], rtol=1e-6, atol=1e-6)


@torch.no_grad()
def test_rows_of_a_batch_do_not_touch_each_other() -> None:
    samples = audio(3, 15)
    together = ENCODER(samples, torch.ones(3, 15), *ENCODER.start(3))
    for row in range(3):
        alone = ENCODER(samples[row : row + 1], torch.ones(1, 15), *ENCODER.start(1))
        for got, expected in zip(alone, together, strict=True):
            torch.testing.assert_close(got[0], expected[row], rtol=1e-5, atol=1e-5)


def test_default_has_a_million_parameters() -> None:
    count = sum(p.numel() for p in TdnnEncoder(TdnnConfig(), FrontendConfig()).parameters())
    assert count == pytest.approx(1.03e6, rel=0.01)


@pytest.mark.parametrize("joined", [(), (1, 3), (0, 1)])
def test_joined_blocks_must_exist(joined: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=r"expected joined_blocks among 1\.\.2, got"):
        TdnnConfig(dilations=(1, 2), joined_blocks=joined)


def test_convolutions_in_time_need_a_past() -> None:
    """Without one, the cache would be empty and the encoder would see single frames."""
    with pytest.raises(ConfigError, match="kernel >= 2"):
        TdnnConfig(kernel=1)
    with pytest.raises(ConfigError, match="dilations >= 1"):
        TdnnConfig(dilations=(1, 0), joined_blocks=(1, 2))
