"""Whitening: what it makes of directions, of a checkpoint, and of the exported graph's promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from speakersdk_training.checkpoint import (
    config_to_dict,
    load_encoder,
    make_encoder,
    save_checkpoint,
)
from speakersdk_training.config import config_from_dict
from speakersdk_training.errors import TrainingError
from speakersdk_training.models import TdnnEncoder
from speakersdk_training.models.embedding_space import EmbeddingSpace
from speakersdk_training.whitening import fit_space, whiten

CPU = torch.device("cpu")


def voices(rng: np.random.Generator, speakers: int = 200, dims: int = 8) -> tuple[Any, ...]:
    """(N, D) unit directions around a common one, some axes wider than others; three a speaker."""
    width = np.linspace(0.1, 1.0, dims)
    offset = 2.0 * np.eye(dims)[0]
    centres = rng.standard_normal((speakers, dims)) * width
    rows = np.repeat(np.arange(speakers), 3)
    directions = offset + centres[rows] + 0.05 * rng.standard_normal((len(rows), dims))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions, rows, np.where(rows % 2, "a", "b")


def test_speakers_lie_evenly_around_zero(rng: np.random.Generator) -> None:
    directions, speakers, corpora = voices(rng)
    centre, whitening = fit_space(directions, speakers, corpora)
    before = np.cov(directions.T)
    space = EmbeddingSpace(8)
    space.load_state_dict(
        {
            "centre": torch.from_numpy(centre).float(),
            "whitening": torch.from_numpy(whitening).float(),
        }
    )
    moved = space(torch.from_numpy(directions).float()).numpy()
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-6)
    assert np.linalg.norm(directions.mean(axis=0)) > 0.7
    assert np.linalg.norm(moved.mean(axis=0)) < 0.1
    spread = [np.linalg.cond(covariance) for covariance in (before, np.cov(moved.T))]
    assert spread[1] < spread[0] / 4


def test_every_corpus_counts_the_same_however_many_speakers_it_has() -> None:
    directions = np.eye(4)[[0, 0, 1, 1, 1, 1, 1, 1]]
    speakers = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    centre, _ = fit_space(directions, speakers, np.array(["a"] * 2 + ["b"] * 6))
    np.testing.assert_allclose(centre, [0.5, 0.5, 0, 0])


def test_too_little_is_refused() -> None:
    with pytest.raises(TrainingError, match="two speakers or more"):
        fit_space(np.eye(3), np.array([0, 1, 2]), np.array(["a", "a", "a"]))


def test_a_checkpoint_is_whitened_once(tiny_values: dict[str, Any], tmp_path: Path) -> None:
    config = config_from_dict(tiny_values)
    plain, whitened = tmp_path / "encoder.pt", tmp_path / "whitened.pt"
    content = {
        "config": config_to_dict(config), "step": 7, "averaged": make_encoder(config).state_dict(),
        "training_corpora": ["voices"], "metrics": {"halves": {"eer": 0.5}},
    }  # fmt: skip
    save_checkpoint(plain, content)
    whiten(plain, whitened, device=CPU, crop_s=0.3)
    before, _ = load_encoder(plain)
    after, info = load_encoder(whitened)
    assert isinstance(before, TdnnEncoder)
    assert isinstance(after, TdnnEncoder)
    assert info.step == 7
    assert info.metrics == {}  # those were another encoder's
    embeddings = torch.randn(5, before.embedding_dim)
    assert after.space is not None
    expected = after.space(before.direction(embeddings)) * after.temperature
    torch.testing.assert_close(after.scale(embeddings), expected)
    assert not torch.allclose(after.scale(embeddings), before.scale(embeddings), atol=0.1)
    with pytest.raises(TrainingError, match="whitened already"):
        whiten(whitened, tmp_path / "twice.pt", device=CPU)
