"""Fixtures of the training tests: synthetic voices as a corpus, and runs of seconds.

Without torch, every file here is skipped, with the reason; nothing at the top imports it.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile as sf

if TYPE_CHECKING:
    import torch

RATE_HZ = 16000
NUM_VOICES = 4
UTTERANCE_SAMPLES = RATE_HZ
HAS_TORCH = importlib.util.find_spec("torch") is not None


class SkippedModule(pytest.Module):
    """A test file that is not imported."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        pytest.skip('needs torch: pip install "speakersdk[training]"', allow_module_level=True)


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> SkippedModule | None:
    return None if HAS_TORCH else SkippedModule.from_parent(parent, path=module_path)


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.training)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Use one torch thread: sums are the same in every run, and other work has room."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    """Draws of torch that are the same in every run."""
    import torch

    return torch.Generator().manual_seed(20261122)


def synthetic_voice(speaker: int, take: int) -> npt.NDArray[np.float64]:
    """(UTTERANCE_SAMPLES,) harmonics of the speaker's pitch in the speaker's color, some noise."""
    rng = np.random.default_rng((speaker, take))
    pitch_hz = 90 * 1.35**speaker * rng.uniform(0.97, 1.03)
    color = np.random.default_rng(speaker).uniform(0.2, 1.0, 12)
    phase = 2 * np.pi * pitch_hz * np.arange(UTTERANCE_SAMPLES) / RATE_HZ
    tones = sum(gain * np.sin((n + 1) * phase) / (n + 1) for n, gain in enumerate(color))
    voice: npt.NDArray[np.float64] = tones + 0.03 * rng.standard_normal(UTTERANCE_SAMPLES)
    return 0.3 * voice / np.abs(voice).max()


@pytest.fixture(scope="session")
def voices_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus: `voices/<speaker>/<take>.wav`, four speakers with three takes of a second each."""
    root = tmp_path_factory.mktemp("corpus") / "voices"
    for speaker in range(NUM_VOICES):
        folder = root / f"s{speaker}"
        folder.mkdir(parents=True)
        for take in range(3):
            sf.write(folder / f"{take}.wav", synthetic_voice(speaker, take), RATE_HZ)
    return root


@pytest.fixture(scope="session")
def trial_files(voices_root: Path) -> dict[str, str]:
    """Configuration of trials over the corpus: first against second half second of every take."""
    folder = voices_root.parent
    halves = [
        (f"s{speaker}-{take}-{half}", speaker, take, half)
        for speaker in range(NUM_VOICES)
        for take in range(2)
        for half in range(2)
    ]
    half_samples = UTTERANCE_SAMPLES // 2
    rows = [
        {
            "segment": name,
            "speaker": f"voices/s{speaker}",
            "pieces": [[f"s{speaker}/{take}.wav", half * half_samples, half_samples]],
        }
        for name, speaker, take, half in halves
    ]
    (folder / "segments.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    lines = [
        f"{int(one[1] == other[1])} {one[0]} {other[0]}"
        for one in halves
        for other in halves
        if one[0] < other[0]
    ]
    (folder / "trials.txt").write_text("\n".join(lines))
    return {
        "name": "halves",
        "trials": str(folder / "trials.txt"),
        "segments": str(folder / "segments.jsonl"),
        "root": str(voices_root),
    }


@pytest.fixture
def tiny_values(voices_root: Path, trial_files: dict[str, str]) -> dict[str, Any]:
    """A configuration as read from TOML, for a run that takes well under a second."""
    return {
        "run": {
            "name": "tiny",
            "steps": 4,
            "batch_size": 8,
            "crop_s": [0.3, 0.4],
            "precision": "fp32",
            "device": "cpu",
            "log_every": 1,
            "evaluate_every": 4,
            "checkpoint_every": 2,
        },
        "tdnn": {
            "channels": 8,
            "expansion": 16,
            "kernel": 3,
            "dilations": [1, 2],
            "joined_blocks": [1, 2],
            "pooled_channels": 16,
            "attention_channels": 4,
            "speech_channels": 4,
            "embedding_dim": 8,
        },
        "augment": {"num_rooms": 6, "room_s": 0.1},
        "optim": {"warmup_share": 0.25, "ema_decay": 0.5},
        "data": {"speeds": [0.9, 1.0], "corpora": [{"root": str(voices_root)}]},
        "trials": [trial_files],
    }


@pytest.fixture
def config_file(tiny_values: dict[str, Any], tmp_path: Path) -> Path:
    """The tiny configuration as TOML; lists, texts and numbers of JSON are valid TOML."""
    lines = []
    for section, content in tiny_values.items():
        for table in content if isinstance(content, list) else [content]:
            lines.append(f"[[{section}]]" if isinstance(content, list) else f"[{section}]")
            lines += [f"{key} = {json.dumps(table[key])}" for key in table if key != "corpora"]
    lines += ["[[data.corpora]]", f"root = {json.dumps(tiny_values['data']['corpora'][0]['root'])}"]
    path = tmp_path / "config.toml"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def checkpoint(tiny_values: dict[str, Any], tmp_path: Path) -> Path:
    """An untrained encoder's checkpoint."""
    from speakersdk_training.checkpoint import config_to_dict, make_encoder, save_checkpoint
    from speakersdk_training.config import config_from_dict

    config = config_from_dict(tiny_values)
    path = tmp_path / "untrained.pt"
    content = {
        "config": config_to_dict(config),
        "step": 0,
        "averaged": make_encoder(config).state_dict(),
        "training_corpora": ["voices"],
        "metrics": {},
    }
    save_checkpoint(path, content)
    return path
