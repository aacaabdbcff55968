"""Every condition changes a recording, keeps its length and gives numbers."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import torch

from speakersdk_training.augment.random import BatchRandom

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
OF_RECORDINGS = {"kitchen and machines, 10 dB", "babble, 10 dB", "room"}


def test_a_condition_changes_what_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    conditions = importlib.import_module("conditions")
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
