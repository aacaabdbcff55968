"""Sounds that are not a voice: finite, of one level, and without speech labels."""

from __future__ import annotations

import pytest
import torch

from speakersdk.errors import ConfigError
from speakersdk_training.augment.random import BatchRandom
from speakersdk_training.augment.tones import TonesConfig, no_voice, with_no_voice

RATE = 16000


def test_every_row_has_one_level(generator: torch.Generator) -> None:
    rows = no_voice(64, RATE, RATE, BatchRandom(generator))
    assert rows.isfinite().all()
    level = rows.square().mean(1).sqrt()
    assert ((level - 1).abs() < 0.05).float().mean() > 0.9  # a late click or offset may be missing


def test_replaced_rows_hold_no_speech_and_others_keep_theirs(generator: torch.Generator) -> None:
    random = BatchRandom(generator)
    bank = torch.randn(4 * RATE, generator=generator)
    samples, speech = 0.1 * torch.randn(200, 3200, generator=generator), torch.ones(200, 18)
    config = TonesConfig(instead=0.3, beneath=0.3, between=0.3)
    mixed, left = with_no_voice(config, samples, speech, bank, random)
    share = left.mean(1)
    assert 0.15 < (share == 0).float().mean() < 0.5
    assert 0.1 < ((share > 0) & (share < 1)).float().mean() < 0.4
    kept = (mixed == samples).all(1)
    assert 0.02 < kept.float().mean() < 0.25
    assert (left[kept] == 1).all()


def test_shares_are_checked() -> None:
    with pytest.raises(ConfigError, match="shares of tones"):
        TonesConfig(instead=0.8, between=0.3)
