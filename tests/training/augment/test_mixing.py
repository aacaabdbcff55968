"""Two voices in one crop: their levels, their weights, and the unchanged rows."""

from __future__ import annotations

import torch

from speakersdk_training.augment.mixing import mix_speakers
from speakersdk_training.augment.random import BatchRandom


def test_weights_are_amplitudes_of_voices_at_one_level(generator: torch.Generator) -> None:
    time = torch.arange(1000)
    tones = torch.stack([torch.sin(2 * torch.pi * (row + 5) * time / 1000) for row in range(40)])
    samples = tones * torch.logspace(-3, 0, 40)[:, None]
    mixed, partner, weight = mix_speakers(samples, share=0.25, random=BatchRandom(generator))
    two = weight < 1
    assert int(two.sum()) == 10
    assert weight.min() >= 0.5
    assert torch.equal(mixed[~two], samples[~two])
    assert not (partner == torch.arange(40)).any()
    # Every row has its own frequency: a projection shows how much of each is present.
    levels = mixed @ tones.T / 500 / torch.logspace(-3, 0, 40)[:, None]
    rows = torch.arange(40)
    torch.testing.assert_close(levels[rows, rows], weight, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(levels[rows, partner][two], 1 - weight[two], rtol=1e-2, atol=1e-3)


def test_nothing_mixed_is_nothing_changed(generator: torch.Generator) -> None:
    samples = torch.randn(6, 100, generator=generator)
    mixed, _, weight = mix_speakers(samples, share=0.0, random=BatchRandom(generator))
    assert torch.equal(mixed, samples)
    assert (weight == 1).all()
