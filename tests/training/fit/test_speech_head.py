"""The speech head: the weights that are trained, those that are not, and that it learns labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch

from speakersdk_training.augment.tones import TonesConfig
from speakersdk_training.checkpoint import (
    config_to_dict,
    load_encoder,
    make_encoder,
    save_checkpoint,
)
from speakersdk_training.config import config_from_dict
from speakersdk_training.errors import TrainingError
from speakersdk_training.fit.speech_head import SpeechHeadConfig, train_speech_head
from speakersdk_training.models.tdnn import TdnnEncoder

CPU = torch.device("cpu")
RATE_HZ = 16000
LABELS = 100  # a second
# The synthetic voices are tones themselves.
TRAINING = SpeechHeadConfig(
    steps=150, batch_size=16, crop_s=0.8, learning_rate=1e-2, tones=TonesConfig()
)


@pytest.fixture
def spoken(voices_root: Path, tmp_path: Path) -> Path:
    """A corpus of utterances whose first half is faint noise and whose second half is a voice."""
    rng = np.random.default_rng(1)
    for path in voices_root.glob("*/*.wav"):
        voice, _ = sf.read(path)
        voice[: RATE_HZ // 2] = 1e-3 * rng.standard_normal(RATE_HZ // 2)
        copy = tmp_path / "voices" / path.relative_to(voices_root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        sf.write(copy, voice, RATE_HZ)
    return tmp_path / "voices"


@pytest.fixture
def values(tiny_values: dict[str, Any], spoken: Path, tmp_path: Path) -> dict[str, Any]:
    """A configuration with labels that show where the voices are."""
    labels = np.repeat([40, 200], LABELS // 2).astype(np.uint8)
    names = [path.relative_to(spoken).as_posix() for path in spoken.glob("*/*.wav")]
    np.savez(tmp_path / "labels.npz", **dict.fromkeys(names, labels))  # type: ignore[arg-type]
    tiny_values["data"] |= {
        "speech_labels": str(tmp_path / "labels.npz"), "corpora": [{"root": str(spoken)}]
    }  # fmt: skip
    tiny_values["tdnn"] |= {"speech_channels": 8}
    tiny_values["augment"]["clean"] = 0.9
    return tiny_values


@pytest.fixture
def checkpoint(values: dict[str, Any], spoken: Path, tmp_path: Path) -> Path:
    """Make an encoder whose norms know the corpus, and that has not learned anything else."""
    torch.manual_seed(3)
    encoder = make_encoder(config_from_dict(values)).train()
    with torch.no_grad():
        for _ in range(60):  # a norm moves by a tenth each time
            encoder.utterance(samples_of(spoken))
    return write(values, encoder, tmp_path / "encoder.pt")


def samples_of(corpus: Path) -> torch.Tensor:
    """Return all utterances, (B, n)."""
    paths = sorted(corpus.glob("*/*.wav"))
    return torch.from_numpy(np.stack([sf.read(path, dtype="float32")[0] for path in paths]))


def write(values: dict[str, Any], encoder: torch.nn.Module, path: Path) -> Path:
    """A checkpoint."""
    content = {
        "config": config_to_dict(config_from_dict(values)), "step": 7,
        "averaged": encoder.state_dict(), "training_corpora": ["voices"],
        "metrics": {"halves": {"eer": 0.5}},
    }  # fmt: skip
    save_checkpoint(path, content)
    return path


def head_of(path: Path) -> tuple[TdnnEncoder, dict[str, torch.Tensor]]:
    """Return the encoder, and the weights of its speech head."""
    encoder, _ = load_encoder(path)
    assert isinstance(encoder, TdnnEncoder)
    return encoder, dict(encoder.speech.state_dict())


def test_only_the_head_is_another(checkpoint: Path, tmp_path: Path) -> None:
    output = tmp_path / "out" / "encoder.pt"
    train_speech_head(checkpoint, output, device=CPU, training=replace(TRAINING, steps=2))
    before, old = head_of(checkpoint)
    after, new = head_of(output)
    assert not any(torch.equal(old[name], new[name]) for name in old)
    samples = 0.1 * torch.randn(3, 8000, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        embeddings = [each.scale(each.utterance(samples)[0]) for each in (before, after)]
    assert torch.equal(*embeddings)
    names = {name for name in before.state_dict() if not name.startswith("speech.")}
    assert all(torch.equal(before.state_dict()[name], after.state_dict()[name]) for name in names)
    _, info = load_encoder(output)
    assert (info.step, info.metrics, info.has_speech_head) == (7, {}, True)


def test_it_learns_the_labels(checkpoint: Path, spoken: Path, tmp_path: Path) -> None:
    output = tmp_path / "trained.pt"
    train_speech_head(checkpoint, output, device=CPU, training=TRAINING)
    wrong = []
    for path in (checkpoint, output):
        encoder, _ = head_of(path)
        with torch.no_grad():
            _, logits = encoder.utterance(samples_of(spoken))
        assert logits is not None
        # A frame has the label of its center, one label later; frames next to the seam see both.
        is_speech = torch.arange(logits.shape[1]) + 1 >= LABELS // 2
        errors = ((logits > 0) != is_speech).float().mean(dim=0)
        wrong.append(float(errors.mean()))
    assert wrong[1] < 0.2 < wrong[0]


def test_a_head_of_another_width_starts_from_random_weights(
    checkpoint: Path, tmp_path: Path
) -> None:
    output = tmp_path / "wide.pt"
    training = replace(TRAINING, steps=1, channels=6)
    train_speech_head(checkpoint, output, device=CPU, training=training)
    encoder, head = head_of(output)
    assert encoder.config.speech_channels == 6
    assert head["0.weight"].shape == (6, 16, 1)


def test_the_budget_ends_a_run(checkpoint: Path, tmp_path: Path) -> None:
    training = replace(TRAINING, steps=10**9, budget_s=0.05)
    train_speech_head(checkpoint, tmp_path / "short.pt", device=CPU, training=training)
    assert (tmp_path / "short.pt").is_file()


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 0},
        {"batch_size": 1},
        {"budget_s": -1.0},
        {"channels": -1},
        {"crop_s": 0.0},
        {"learning_rate": 0.0},
    ],
)
def test_senseless_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match="or more"):
        replace(TRAINING, **changes)


@pytest.mark.parametrize("section", ["data", "run"])
def test_an_encoder_without_speech_head_is_refused(
    values: dict[str, Any], tmp_path: Path, section: str
) -> None:
    values[section] |= {"data": {"speech_labels": ""}, "run": {"encoder": "blstm"}}[section]
    encoder = make_encoder(config_from_dict(values))
    checkpoint = write(values, encoder, tmp_path / "other.pt")
    with pytest.raises(TrainingError, match="= tdnn and data"):
        train_speech_head(checkpoint, tmp_path / "out.pt", device=CPU, training=TRAINING)


def test_a_nan_loss_ends_the_run(checkpoint: Path, tmp_path: Path) -> None:
    training = replace(TRAINING, steps=2, learning_rate=float("inf"))
    with pytest.raises(TrainingError, match="the loss is nan"):
        train_speech_head(checkpoint, tmp_path / "out.pt", device=CPU, training=training)
    assert not (tmp_path / "out.pt").exists()
