"""A published network behind its front end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from speakersdk.errors import ModelError
from speakersdk.runtime.session import open_session
from speakersdk_export.adopt.families import FAMILIES
from speakersdk_export.adopt.graft import correct_average_pooling, graft, read_published

pytestmark = pytest.mark.export
INPUTS: dict[str, dict[str, Any]] = {
    "wespeaker": {"name": "feats", "output": "embs"},
    "3d-speaker": {},
    "nemo": {"name": "audio_signal", "length": "length", "output": "embs", "layout": "BFT"},
    "speechbrain": {"name": "features"},
    "redimnet2": {"name": "features", "num_mels": 72, "layout": "B1FT"},
}


def grafted(path: Path, family: str, tmp_path: Path) -> Any:
    model, size, _ = graft(read_published(path), FAMILIES[family], temperature=4.0)
    onnx.checker.check_model(model, full_check=True)
    assert size == 8
    file = tmp_path / "grafted.onnx"
    onnx.save_model(model, file)
    return open_session(file)


@pytest.mark.parametrize("family", INPUTS)
@pytest.mark.parametrize("opset", [11, 13, 17, 18])
def test_every_family_takes_the_waveform(
    family: str, opset: int, publish: Any, clip: np.ndarray, tmp_path: Path
) -> None:
    session = grafted(publish(**INPUTS[family], opset=opset), family, tmp_path)
    for num_samples in (16000, 25000, 63000):
        embedding = session.run({"samples": clip[np.newaxis, :num_samples]})["embedding"]
        assert embedding.shape == (1, 8)
        assert np.linalg.norm(embedding) == pytest.approx(4.0, rel=1e-6)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"name": "speech"}, "expected the input x or feature or feats"),
        ({"length": "length"}, "expected the input x"),
        ({"num_mels": 72}, "F = 80 bands .* got sizes any, any, 72; is it another family"),
        ({"layout": "B1FT"}, "features B, T, F .* got sizes any, 1, 80, any; is it another family"),
    ],
)
def test_other_inputs_are_another_family(
    options: dict[str, str], problem: str, publish: Any
) -> None:
    model = read_published(publish(**options))
    with pytest.raises(ModelError, match=problem):
        graft(model, FAMILIES["3d-speaker"], temperature=4.0)


def test_what_cannot_be_read_is_refused_in_one_line(publish: Any, tmp_path: Path) -> None:
    text = tmp_path / "text.onnx"
    text.write_text("not a model")
    with pytest.raises(ModelError, match="expected an ONNX file"):
        read_published(text)
    with pytest.raises(ModelError, match=r"expected opset 11 to \d+, got 9"):
        read_published(publish(opset=9))
    outside = publish(file="outside.onnx")
    onnx.save_model(onnx.load_model(outside), outside, save_as_external_data=True, size_threshold=0)
    with pytest.raises(ModelError, match="weights inside the file"):
        read_published(outside)
    inside = onnx.load_model(publish())
    weights = inside.graph.initializer.pop(0)
    inside.graph.node.insert(0, helper.make_node("Constant", [], ["weights"], value=weights))
    onnx.save_model(
        inside, outside, save_as_external_data=True, size_threshold=0, convert_attribute=True
    )
    with pytest.raises(ModelError, match="weights inside the file"):
        read_published(outside)
    other = onnx.load_model(publish())
    other.graph.node[0].domain = "com.example"
    onnx.save_model(other, outside)
    with pytest.raises(ModelError, match=r"operators of ONNX or onnxruntime, got .* com\.example"):
        read_published(outside)


def average_pool(**attributes: Any) -> onnx.ModelProto:
    node = helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[100], **attributes)
    value = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 2, 230])
    output = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "pool", [value], [output])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def test_rewritten_average_pooling_is_what_torch_computes(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    model = average_pool(strides=[100], ceil_mode=1, count_include_pad=1)
    assert correct_average_pooling(model) == 1
    path = tmp_path / "pool.onnx"
    onnx.save_model(model, path)
    samples = rng.normal(size=(1, 2, 230)).astype(np.float32)
    expected = torch.nn.functional.avg_pool1d(
        torch.from_numpy(samples), 100, stride=100, ceil_mode=True
    )
    # A mean of 100 values of float32.
    assert np.allclose(open_session(path).run({"x": samples})["y"], expected, atol=1e-6)


def test_only_the_faulty_pooling_is_rewritten() -> None:
    assert correct_average_pooling(average_pool(strides=[100], count_include_pad=1)) == 0
    assert correct_average_pooling(average_pool(strides=[100], ceil_mode=1)) == 0
    with pytest.raises(ModelError, match="without padding"):
        correct_average_pooling(
            average_pool(strides=[100], ceil_mode=1, count_include_pad=1, pads=[1, 1])
        )
