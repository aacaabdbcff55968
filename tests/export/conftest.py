"""Fixtures of the export tests: small untrained encoders, speech, and trials on the demo clips."""

from __future__ import annotations

import copy
import itertools
import json
import runpy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from speakersdk.arrays import Waveform
from speakersdk.audio.waveform import read_audio
from speakersdk_export.calibrate import CalibrationTrials
from speakersdk_export.graph.stateful import stateful_graph, windowed_graph
from speakersdk_export.model_file import write_model
from speakersdk_export.onnx_export import make_manifest
from speakersdk_training.checkpoint import CheckpointInfo, weights_sha256
from speakersdk_training.models.blstm import BlstmConfig, BlstmEncoder
from speakersdk_training.models.tdnn import TdnnEncoder

MAKE_MODELS = Path(__file__).parents[1] / "data" / "models" / "make_models.py"
Encoder = TdnnEncoder | BlstmEncoder


@dataclass(frozen=True, slots=True)
class Exported:
    """An encoder, its graph, and the model file of both; shared, and not to be changed."""

    encoder: Any
    graph: onnx.ModelProto
    path: Path


@pytest.fixture(scope="session")
def small() -> dict[str, Any]:
    """The sizes of the small test models TDNN and FRONTEND."""
    return runpy.run_path(str(MAKE_MODELS))


@pytest.fixture(scope="session")
def stateful(small: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A small stateful encoder and its graph."""
    torch.manual_seed(2)
    encoder = TdnnEncoder(small["TDNN"], small["FRONTEND"]).eval()
    randomise_normalization(encoder)
    torch.nn.init.constant_(encoder.speech[2].bias, 2.0)  # speech, for any input
    graph = stateful_graph(encoder, has_speech_head=True)
    return Exported(encoder, graph, written(encoder, graph, tmp_path_factory))


@pytest.fixture(scope="session")
def windowed(small: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A small windowed encoder and its graph."""
    torch.manual_seed(2)
    encoder = BlstmEncoder(BlstmConfig(units=8), small["FRONTEND"]).eval()
    randomise_normalization(encoder)
    graph = windowed_graph(encoder)
    return Exported(encoder, graph, written(encoder, graph, tmp_path_factory))


@pytest.fixture
def tdnn(stateful: Exported) -> TdnnEncoder:
    """A copy of the stateful encoder that a test may change."""
    return copy.deepcopy(stateful.encoder)


@pytest.fixture
def blstm(windowed: Exported) -> BlstmEncoder:
    """A copy of the windowed encoder that a test may change."""
    return copy.deepcopy(windowed.encoder)


def written(
    encoder: Encoder, graph: onnx.ModelProto, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The model file of a graph, without the checks of export."""
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    info = CheckpointInfo("small", 0, (), weights_sha256(encoder), True, {})
    write_model(path, graph, make_manifest(encoder, info))
    return path


def randomise_normalization(encoder: Encoder) -> None:
    """Set batch normalization as after training: no value is the initial one."""
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2.0)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.3)
    # Log energies of speech are around -8.
    encoder.input_norm.running_mean.fill_(-8.0)
    encoder.input_norm.running_var.fill_(9.0)


@pytest.fixture
def make_info() -> Callable[..., CheckpointInfo]:
    """The fields of an encoder's checkpoint; keywords replace fields."""

    def make(encoder: Encoder, **values: Any) -> CheckpointInfo:
        defaults: dict[str, Any] = {
            "name": "small",
            "step": 7,
            "training_corpora": ("corpus-a", "corpus-b"),
            "weights_sha256": weights_sha256(encoder),
            "has_speech_head": True,
            "metrics": {},
        }
        return CheckpointInfo(**(defaults | values))

    return make


@pytest.fixture(scope="session")
def speech(demo_clips: Path) -> Waveform:
    """The demonstration clips, one after the other."""
    return np.concatenate([read_audio(path) for path in sorted(demo_clips.glob("*.flac"))])


@pytest.fixture(scope="session")
def clip_trials(demo_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> CalibrationTrials:
    """All pairs of 1.2 s pieces of the demonstration clips, two lists and two segment files."""
    folder = tmp_path_factory.mktemp("trials")
    lists, segment_files = [], []
    for part, start in enumerate((4000, 24000)):
        rows = [
            {
                "segment": f"{part}/{path.stem}",
                "speaker": path.stem.split("-")[0],
                "pieces": [[path.name, start, 9600], [path.name, start + 9600, 9600]],
            }
            for path in sorted(demo_clips.glob("*.flac"))
        ]
        segment_files.append(folder / f"segments-{part}.jsonl")
        segment_files[-1].write_text("".join(json.dumps(row) + "\n" for row in rows))
        lists.append(folder / f"trials-{part}.txt")
        lists[-1].write_text(
            "".join(
                f"{int(a['speaker'] == b['speaker'])} {a['segment']} {b['segment']}\n"
                for a, b in itertools.combinations(rows, 2)
            )
        )
    return CalibrationTrials(lists=tuple(lists), segments=tuple(segment_files), root=demo_clips)
