"""A whole run from files to files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from speakersdk_training.checkpoint import load_encoder, read_checkpoint
from speakersdk_training.config import config_from_dict
from speakersdk_training.errors import TrainingError
from speakersdk_training.fit.run import fit


def test_a_run_leaves_checkpoint_configuration_metrics_and_curves(
    tiny_values: dict[str, Any], tmp_path: Path
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = config_from_dict(tiny_values)
    folder = tmp_path / "runs" / "tiny"
    trainer = fit(config, folder)
    assert trainer.step == 4

    encoder, info = load_encoder(folder / "checkpoint.pt")
    assert (info.name, info.step, info.training_corpora) == ("tiny", 4, ("voices",))
    for name, tensor in trainer.averaged.module.state_dict().items():
        assert torch.equal(encoder.state_dict()[name], tensor), name
    assert config_from_dict(json.loads((folder / "config.json").read_text())) == config
    (line,) = (folder / "metrics.jsonl").read_text().splitlines()
    assert json.loads(line) == {"step": 4, **info.metrics}

    events = EventAccumulator(str(folder))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [1, 2, 3, 4]
    (rate,) = events.Scalars("halves/eer")
    assert rate.step == 4
    assert rate.value == pytest.approx(info.metrics["halves"]["eer"], abs=1e-6)  # stored as float32


def test_another_run_is_not_overwritten_and_a_finished_one_stays(
    tiny_values: dict[str, Any], tmp_path: Path
) -> None:
    config = config_from_dict(tiny_values)
    with pytest.raises(TrainingError, match="expected a checkpoint at"):
        fit(config, tmp_path, resume=True)
    fit(config, tmp_path)
    before = read_checkpoint(tmp_path / "checkpoint.pt")
    with pytest.raises(
        TrainingError, match="exists; continue with --resume, or name another folder"
    ):
        fit(config, tmp_path)
    resumed = fit(config, tmp_path, resume=True)  # nothing left to do
    assert resumed.step == 4
    after = resumed.encoder.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before["encoder"].items())


def test_speech_head_noise_and_rooms_from_files(
    tiny_values: dict[str, Any], tmp_path: Path, voices_root: Path
) -> None:
    import numpy as np

    tracks = {
        path.relative_to(voices_root).as_posix(): np.full(100, 255, np.uint8)
        for path in voices_root.rglob("*.wav")
    }
    np.savez_compressed(tmp_path / "labels.npz", **tracks)  # type: ignore[arg-type]
    tiny_values["data"] |= {
        "speech_labels": str(tmp_path / "labels.npz"),
        "noise": str(voices_root / "s0"),
        "rooms": str(voices_root / "s1"),
    }
    tiny_values["trials"] = []
    fit(config_from_dict(tiny_values), tmp_path / "run")
    _, info = load_encoder(tmp_path / "run" / "checkpoint.pt")
    assert info.has_speech_head
    assert info.metrics == {}


def test_a_run_sums_itself_up_whether_it_ends_well_or_not(
    tiny_values: dict[str, Any], tmp_path: Path
) -> None:
    fit(config_from_dict(tiny_values), tmp_path / "good")
    good = json.loads((tmp_path / "good" / "summary.json").read_text())
    assert (good["finished"], good["error"], good["step"]) == (True, "", 4)
    assert good["metrics"]["halves"]["target_trials"] == 24
    assert set(good["last"]) > {"loss", "speaker_loss", "grad_norm"}
    log = (tmp_path / "good" / "training-log.csv").read_text().splitlines()
    assert log[0] == ",".join(["step", "seconds", *good["last"]])
    assert [line.split(",")[0] for line in log[1:]] == ["1", "2", "3", "4"]

    tiny_values["optim"] |= {"learning_rate": 1e30, "warmup_share": 0.0}
    with pytest.raises(TrainingError):
        fit(config_from_dict(tiny_values), tmp_path / "bad")
    bad = json.loads((tmp_path / "bad" / "summary.json").read_text())
    assert not bad["finished"]
    assert "lower optim.learning_rate" in bad["error"]
