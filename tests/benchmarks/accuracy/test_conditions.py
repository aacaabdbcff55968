"""Every condition changes a recording, keeps its length and gives finite samples."""

from __future__ import annotations

import torch

from benchmarks.accuracy import conditions
from speakersdk_training.augment.random import BatchRandom

OF_RECORDINGS = {"kitchen and machines, 10 dB", "babble, 10 dB", "room"}


def test_a_condition_changes_the_audio() -> None:
    generator = torch.Generator().manual_seed(1)
    samples = 0.1 * torch.randn(4, 16000, generator=generator)
    changes = {
        name: change for name, change in conditions._changes().items() if name not in OF_RECORDINGS
    }
    assert "telephone" in changes
    for name, change in changes.items():
        changed = change(samples.clone(), BatchRandom(generator))
        assert changed.shape == samples.shape, name
        assert changed.isfinite().all(), name
        assert not torch.allclose(changed, samples, atol=1e-3), name
