"""Centering and within-class covariance normalization, and that the last layer takes them over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import soundfile as sf
import torch

from speakersdk_training.checkpoint import (
    config_to_dict,
    load_encoder,
    make_encoder,
    save_checkpoint,
)
from speakersdk_training.config import config_from_dict
from speakersdk_training.errors import TrainingError
from speakersdk_training.fit.wccn import WccnConfig, normalization, normalize_encoder
from tests.training.conftest import RATE_HZ

CPU = torch.device("cpu")
WCCN = WccnConfig(segment_s=1.0)


@pytest.fixture
def checkpoint(tiny_values: dict[str, Any], tmp_path: Path) -> Path:
    """Make an encoder with random weights, and with norms that change what they get."""
    config = config_from_dict(tiny_values)
    torch.manual_seed(3)
    encoder = make_encoder(config)
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                assert tensor is not None
                tensor.data.uniform_(0.5, 1.5)
    path = tmp_path / "encoder.pt"
    content = {
        "config": config_to_dict(config), "step": 7, "averaged": encoder.state_dict(),
        "training_corpora": ["voices"], "metrics": {},
    }  # fmt: skip
    save_checkpoint(path, content)
    return path


def embeddings(path: Path, root: Path) -> np.ndarray:
    """Embed all utterances of a second, speaker by speaker, (4 * 3, D)."""
    encoder, _ = load_encoder(path)
    takes = [sf.read(path, dtype="float32")[0] for path in sorted(root.glob("*/*.wav"))]
    assert {len(take) for take in takes} == {RATE_HZ}
    with torch.no_grad():
        return encoder.embed(torch.from_numpy(np.stack(takes))).double().numpy()


def reference(rows: np.ndarray, *, shrinkage: float) -> np.ndarray:
    """Compute the normalized embeddings with NumPy's covariance and SciPy's matrix root."""
    directions = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    covariance = np.mean([np.cov(take, rowvar=False) for take in directions.reshape(4, 3, -1)], 0)
    covariance /= np.trace(covariance) / len(covariance)
    shrunk = (1 - shrinkage) * covariance + shrinkage * np.eye(len(covariance))
    return (rows - rows.mean(axis=0)) @ np.linalg.inv(scipy.linalg.sqrtm(shrunk))


@pytest.mark.parametrize("shrinkage", [0.3, 0.8, 1.0])
def test_the_last_layer_normalizes(
    checkpoint: Path, voices_root: Path, tmp_path: Path, shrinkage: float
) -> None:
    output = tmp_path / "out" / "encoder.pt"
    wccn = WccnConfig(shrinkage=shrinkage, segment_s=1.0)
    normalize_encoder(checkpoint, output, device=CPU, wccn=wccn)
    before, after = embeddings(checkpoint, voices_root), embeddings(output, voices_root)
    expected = reference(before, shrinkage=shrinkage)
    # float32 layers, and sums of D = 8 products
    np.testing.assert_allclose(after, expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(after.mean(axis=0), 0, atol=1e-4 * np.abs(expected).max())


def test_everything_before_the_last_layer_stays(checkpoint: Path, tmp_path: Path) -> None:
    output = tmp_path / "encoder-out.pt"
    normalize_encoder(checkpoint, output, device=CPU, wccn=WCCN)
    (before, _), (after, info) = load_encoder(checkpoint), load_encoder(output)
    changed = {
        name
        for name, tensor in before.state_dict().items()
        if not torch.equal(tensor, after.state_dict()[name])
    }
    layers = {name.rpartition(".")[0] for name in changed}
    assert layers == {"embedding", "embedding_norm"}
    assert (info.step, info.training_corpora) == (7, ("voices",))


def test_speakers_with_one_segment_have_no_covariance() -> None:
    rows = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    speakers = torch.tensor([5, 5, 7, 8])
    expected = normalization(rows[:2], speakers[:2], shrinkage=0.5)
    torch.testing.assert_close(normalization(rows, speakers, shrinkage=0.5), expected)
    with pytest.raises(TrainingError, match="several segments of a speaker"):
        normalization(rows[1:], speakers[1:], shrinkage=0.5)


def test_audio_that_is_too_short_is_an_error(checkpoint: Path, tmp_path: Path) -> None:
    output = tmp_path / "none.pt"
    for seconds in (2.5, 5.0):  # one segment of a speaker, and none
        with pytest.raises(TrainingError, match="take shorter segments"):
            normalize_encoder(checkpoint, output, device=CPU, wccn=WccnConfig(segment_s=seconds))
    assert not output.exists()


@pytest.mark.parametrize(
    "values", [{"shrinkage": 0.0}, {"shrinkage": 1.1}, {"per_speaker": 1}, {"segment_s": 0.01}]
)
def test_impossible_settings_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match="expected"):
        WccnConfig(**values)


def test_a_blstm_is_refused(tiny_values: dict[str, Any], tmp_path: Path) -> None:
    tiny_values["run"] |= {"encoder": "blstm"}
    config = config_from_dict(tiny_values)
    path = tmp_path / "blstm.pt"
    content = {
        "config": config_to_dict(config), "step": 1, "averaged": make_encoder(config).state_dict(),
        "training_corpora": [], "metrics": {},
    }  # fmt: skip
    save_checkpoint(path, content)
    with pytest.raises(TrainingError, match="tdnn in"):
        normalize_encoder(path, tmp_path / "out.pt", device=CPU, wccn=WCCN)
