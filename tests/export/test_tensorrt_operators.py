"""Every operator of our graphs is on TensorRT's published list, within its restrictions.

A static check: it shows that TensorRT accepts the graphs, not what it computes.
"""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from speakersdk.models import default_model_path

DATA = Path(__file__).parents[1] / "data"
PUBLISHED = json.loads((DATA / "tensorrt" / "operators.json").read_text())
GRAPHS = [default_model_path(), *sorted((DATA / "models").glob("*.onnx"))]

pytestmark = pytest.mark.export


@pytest.fixture(params=GRAPHS, ids=[path.stem for path in GRAPHS])
def model(request: pytest.FixtureRequest) -> onnx.ModelProto:
    return onnx.load(request.param)


def test_every_operator_is_supported(model: onnx.ModelProto) -> None:
    used = {f"{node.domain}{node.op_type}" for node in model.graph.node}
    assert used - set(PUBLISHED["supported"]) == set()


def test_the_opset_is_supported(model: onnx.ModelProto) -> None:
    (opset,) = model.opset_import
    assert PUBLISHED["minimum_opset"] <= opset.version <= PUBLISHED["maximum_opset"]


def test_axes_that_must_be_constant_are(model: onnx.ModelProto) -> None:
    constants = {tensor.name for tensor in model.graph.initializer}
    varying = [
        node.name or node.output[0]
        for node in model.graph.node
        if node.op_type in PUBLISHED["constant_axes"] and node.input[1] not in constants
    ]
    assert varying == []


def test_a_recurrent_layer_has_the_attributes_that_are_supported(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        attributes = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type == "LSTM":
            assert not {"input_forget", "layout", "activations"} & attributes.keys()


def test_control_an_unsupported_operator_would_be_noticed() -> None:
    assert "MelWeightMatrix" not in PUBLISHED["supported"]
    assert "DFT" not in PUBLISHED["supported"]
    assert len(PUBLISHED["supported"]) > 100
