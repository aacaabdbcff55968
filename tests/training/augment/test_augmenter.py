"""The whole chain: what it does not change, its bounds, and repetition by seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from speakersdk_training.augment.augmenter import AugmentConfig, Augmenter

RATE_HZ = 16000
SHARES = (
    "clean", "equaliser_db", "band_limit", "room", "coloured", "recorded", "babble", "clip",
    "telephone",
)  # fmt: skip
NOTHING = replace(
    AugmentConfig(num_rooms=6, room_s=0.1, level_low_db=-20.0, level_high_db=-20.0),
    **dict.fromkeys(SHARES, 0.0),
)
EVERYTHING = replace(
    NOTHING, equaliser_db=30.0, band_limit=1.0, room=1.0, coloured=0.4, recorded=0.3, babble=0.3,
    snr_low_db=-20.0, snr_high_db=60.0, clip=1.0, telephone=1.0, level_low_db=-60.0,
    level_high_db=6.0,
)  # fmt: skip


def make(config: AugmentConfig, *, seed: int = 1, **changes: Any) -> Augmenter:
    options: dict[str, Any] = {"responses": [], "noise_bank": torch.zeros(0), **changes}
    generator = torch.Generator().manual_seed(seed)
    return Augmenter(config, sample_rate_hz=RATE_HZ, generator=generator, **options)


@pytest.fixture
def samples(generator: torch.Generator) -> torch.Tensor:
    """Return (16, n) noise; every row sounds different."""
    return 0.1 * torch.randn(16, 4000, generator=generator)


def noise_ratio_db(augmented: torch.Tensor, samples: torch.Tensor) -> torch.Tensor:
    """Return the (B,) level of the voice relative to everything that was added, by projection."""
    gain = (augmented * samples).sum(dim=1, keepdim=True) / samples.square().sum(
        dim=1, keepdim=True
    )
    rest = augmented - gain * samples
    return 10 * torch.log10((gain * samples).square().sum(dim=1) / rest.square().sum(dim=1))


def test_without_anything_only_the_level_changes(samples: torch.Tensor) -> None:
    augmented = make(NOTHING)(samples)
    # The noise floor is -75 dB at most, 55 dB below the voice at -20 dB.
    assert noise_ratio_db(augmented, samples).min() > 54.5
    level = augmented.square().mean(dim=1).sqrt()
    torch.testing.assert_close(level, torch.full((16,), 0.1), rtol=1e-2, atol=0)


def test_clean_rows_only_get_a_level(samples: torch.Tensor) -> None:
    augmented = make(replace(EVERYTHING, clean=1.0, level_low_db=-20.0, level_high_db=-20.0))(
        samples
    )
    assert noise_ratio_db(augmented, samples).min() > 54.5


@pytest.mark.parametrize("kind", ["coloured", "recorded", "babble"])
def test_every_noise_has_its_ratio(
    kind: str, samples: torch.Tensor, generator: torch.Generator
) -> None:
    config = replace(NOTHING, snr_low_db=5.0, snr_high_db=10.0, **{kind: 1.0})
    bank = torch.randn(20_000, generator=generator)
    ratio = noise_ratio_db(make(config, noise_bank=bank)(samples), samples)
    # The projection counts the common part of noise and voice as voice: 4,000 samples of two noises
    # correlate by 1.6 %. At 5 dB that is 0.3 dB at five deviations; colored noise has fewer degrees
    # of freedom.
    slack_db = 1.5
    assert ratio.max() < 10 + slack_db
    # Babble is kept 5 dB above the lower bound.
    assert ratio.min() > (10 if kind == "babble" else 5) - slack_db


def test_recorded_noise_is_that_of_the_bank(samples: torch.Tensor) -> None:
    bank = torch.sin(2 * torch.pi * 1000 * torch.arange(20_000) / RATE_HZ)
    config = replace(NOTHING, recorded=1.0, snr_low_db=-30.0, snr_high_db=-30.0)
    spectrum = torch.fft.rfft(make(config, noise_bank=bank)(samples)).abs()
    assert (spectrum.argmax(dim=1) == 250).all()  # bins of 4 Hz


def test_a_bank_shorter_than_the_crop_is_replaced_by_colored_noise(samples: torch.Tensor) -> None:
    config = replace(NOTHING, recorded=1.0, snr_low_db=0.0, snr_high_db=0.0)
    for bank in (torch.zeros(0), torch.ones(4000)):
        assert noise_ratio_db(make(config, noise_bank=bank)(samples), samples).max() < 3


def test_rooms_reverberate_and_recorded_ones_are_used(samples: torch.Tensor) -> None:
    echo = torch.zeros(1000)
    echo[0], echo[800] = 1.0, 0.9
    click = torch.zeros(60, 3000)
    click[:, 100] = 1.0
    # A click of 3,000 samples is 35 dB above its level; it must not reach full scale.
    quiet = replace(NOTHING, room=1.0, level_low_db=-45.0, level_high_db=-45.0)
    augmented = make(quiet, responses=[echo])(click)
    augmented = augmented / augmented[:, 100:101]
    assert (augmented[:, :100].abs() < 0.05).all()  # silence before the voice
    only_echo = augmented.clone()
    only_echo[:, [100, 900]] = 0
    is_echo = (only_echo.abs().amax(dim=1) < 0.05) & (augmented[:, 900] > 0.1)
    # One third of the rooms is the recorded one: 20 of 60, deviation 3.7.
    assert 5 < int(is_echo.sum()) < 40
    # At another distance, its reflection is 0 to 15 dB lower.
    assert augmented[is_echo, 900].max() < 0.92
    assert augmented[is_echo, 900].min() > 0.9 * 10 ** (-15 / 20) - 0.02


def test_every_extreme_at_once_stays_finite_and_in_range(generator: torch.Generator) -> None:
    voices = torch.randn(16, 4000, generator=generator)
    voices[0] = 0  # digital silence
    voices[1] = 1e-4 * voices[1]
    voices[2] = voices[2].sign()  # a square wave at full scale
    bank = torch.randn(20_000, generator=generator)
    augmented = make(EVERYTHING, noise_bank=bank, responses=[torch.ones(100)])(voices)
    assert augmented.shape == voices.shape
    assert torch.isfinite(augmented).all()
    assert augmented.abs().max() <= 1


def test_the_input_is_unchanged_and_a_seed_repeats_the_output(samples: torch.Tensor) -> None:
    before = samples.clone()
    one, other = make(EVERYTHING), make(EVERYTHING)
    first = one(samples)
    assert torch.equal(samples, before)
    assert torch.equal(first, other(samples))
    second = one(samples)
    assert not torch.equal(first, second)
    assert torch.equal(second, other(samples))
    assert not torch.equal(first, make(EVERYTHING, seed=2)(samples))


def test_use_does_not_wear_out_the_rooms(samples: torch.Tensor) -> None:
    generator = torch.Generator().manual_seed(1)
    augmenter = Augmenter(
        replace(EVERYTHING, num_rooms=40),
        sample_rate_hz=RATE_HZ,
        generator=generator,
        responses=[],
        noise_bank=torch.zeros(0),
    )
    state = generator.get_state()
    first = augmenter(samples)
    generator.set_state(state)
    assert torch.equal(augmenter(samples), first)


def test_a_batch_of_one(samples: torch.Tensor) -> None:
    assert torch.isfinite(make(EVERYTHING)(samples[:1])).all()
