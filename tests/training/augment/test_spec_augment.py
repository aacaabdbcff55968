"""Masks of features: their width, number and rows."""

from __future__ import annotations

import itertools

import pytest
import torch

from speakersdk.errors import ConfigError
from speakersdk_training.augment.random import BatchRandom
from speakersdk_training.augment.spec_augment import SpecAugmentConfig, draw_masks

SHAPE = (300, 64, 198)


def runs(hidden: torch.Tensor) -> list[int]:
    """Return the lengths of the runs of True."""
    return [len(list(group)) for value, group in itertools.groupby(hidden.tolist()) if value]


def test_masks_are_whole_bands_and_stretches(generator: torch.Generator) -> None:
    config = SpecAugmentConfig(rows=1.0, bands=2, band_width=8, stretches=1, stretch_frames=20)
    masks = draw_masks(config, SHAPE, BatchRandom(generator))
    assert masks.shape == SHAPE
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    widths, lengths = [], []
    for mask in masks:
        bands, stretches = (mask == 0).all(dim=1), (mask == 0).all(dim=0)
        # Only whole bands and whole periods are hidden.
        assert torch.equal(mask == 0, bands[:, None] | stretches[None, :])
        assert len(runs(bands)) <= 2
        widths += runs(bands)
        lengths += runs(stretches)
    assert max(lengths) == 20  # of 300 even draws of 0 to 20, one misses each value with 4e-7
    assert 8 <= max(widths) <= 16  # two may touch
    assert min(widths) == 1
    # Every place is hidden as often as its neighbors, except at the edges: 4.5 of 64 bands, twice.
    share = (masks[:, 16:48, :].mean(dim=2) == 0).float().mean()
    assert 0.05 < float(share) < 0.25


def test_a_share_of_the_rows_and_none(generator: torch.Generator) -> None:
    random = BatchRandom(generator)
    assert (draw_masks(SpecAugmentConfig(rows=0.0), SHAPE, random) == 1).all()
    masked = draw_masks(SpecAugmentConfig(rows=0.5), SHAPE, random)
    share = float((masked == 0).flatten(1).any(dim=1).float().mean())
    assert 0.5 - 5 * 0.029 < share < 0.5 + 5 * 0.029  # five deviations of 300 draws


def test_masks_longer_than_the_crop_fit(generator: torch.Generator) -> None:
    config = SpecAugmentConfig(rows=1.0, stretch_frames=500, band_width=100)
    assert draw_masks(config, (5, 4, 3), BatchRandom(generator)).shape == (5, 4, 3)


def test_a_share_above_one_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"expected spec_augment.rows in \[0, 1\]"):
        SpecAugmentConfig(rows=1.5)
