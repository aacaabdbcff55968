from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from speakersdk_export.graph.pooling import fold_normalization, sum_by_product
from speakersdk_export.graph.view import changed

pytestmark = pytest.mark.export

CHANNELS, FRAMES, OUTPUTS = 4, 7, 3
Constants = dict[str, np.ndarray]


def model(
    nodes: list[onnx.NodeProto], inputs: dict[str, list[Any]], constants: Constants, output: str
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "pooling",
        [helper.make_tensor_value_info(*each) for each in _typed(inputs)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def _typed(inputs: dict[str, list[Any]]) -> list[tuple[str, int, list[Any]]]:
    return [(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]


def run(graph: onnx.ModelProto, feeds: Constants) -> np.ndarray:
    """The only output of the graph."""
    outputs: Any = ReferenceEvaluator(graph).run(None, feeds)
    return np.asarray(outputs[0])


def sums(*, weights_first: bool) -> onnx.ModelProto:
    """Weighted sums of a, a h and a h^2, as the tracer writes them."""
    make = helper.make_node
    factors = ["row", "attention"] if weights_first else ["attention", "row"]
    return model(
        [
            make("Unsqueeze", ["frame_weights", "channel_axis"], ["row"]),
            make("Mul", factors, ["weights"]),
            make("Mul", ["weights", "features"], ["first"]),
            make("Mul", ["first", "features"], ["second"]),
            make("Concat", ["weights", "first", "second"], ["moments"], axis=1),
            make("ReduceSum", ["moments", "time_axis"], ["hop_statistics"], keepdims=0),
        ],
        {
            "attention": ["batch", CHANNELS, "frames"],
            "features": ["batch", CHANNELS, "frames"],
            "frame_weights": ["batch", "frames"],
        },
        {"channel_axis": np.array([1]), "time_axis": np.array([2])},
        "hop_statistics",
    )


def layer(constants: Constants, *, transposed: bool) -> onnx.ModelProto:
    """Batch normalization, then a fully connected layer."""
    return model(
        [
            helper.make_node(
                "BatchNormalization",
                ["x", "scale", "offset", "mean", "variance"],
                ["normalised"],
                epsilon=1e-3,
            ),
            helper.make_node("Gemm", ["normalised", "w", "b"], ["y"], transB=int(transposed)),
        ],
        {"x": ["batch", CHANNELS]},
        constants,
        "y",
    )


@pytest.mark.parametrize("weights_first", [True, False])
def test_frame_weights_add_up_the_moments(weights_first: bool, rng: np.random.Generator) -> None:
    feeds = {
        "attention": rng.random((2, CHANNELS, FRAMES), np.float32),
        "features": rng.normal(0, 1, (2, CHANNELS, FRAMES)).astype(np.float32),
        "frame_weights": rng.random((2, FRAMES), np.float32),
    }
    product = changed(sums(weights_first=weights_first), sum_by_product)
    found = [node.op_type for node in product.graph.node]
    assert found.count("Mul") == 2
    assert "ReduceSum" not in found
    expected = run(sums(weights_first=weights_first), feeds)
    # Sums of seven products in another order: a few times 2^-24 of sums of about 10.
    np.testing.assert_allclose(run(product, feeds), expected, rtol=1e-5, atol=1e-5)


def test_other_sums_are_refused() -> None:
    graph = sums(weights_first=True)
    graph.graph.node[1].op_type = "Add"
    with pytest.raises(ValueError, match=r"expected ReduceSum of Concat of Mul .* got .*'Add'"):
        changed(graph, sum_by_product)


@pytest.mark.parametrize("transposed", [True, False])
def test_normalization_is_folded_into_the_next_layer(
    transposed: bool, rng: np.random.Generator
) -> None:
    weights = rng.normal(size=(OUTPUTS, CHANNELS) if transposed else (CHANNELS, OUTPUTS))
    constants = {
        "scale": rng.uniform(0.5, 2, CHANNELS),
        "offset": rng.normal(size=CHANNELS),
        "mean": rng.normal(size=CHANNELS),
        "variance": rng.uniform(0.01, 2, CHANNELS),  # so small that epsilon has an effect
        "w": weights,
        "b": rng.normal(size=OUTPUTS),
    }
    constants = {name: value.astype(np.float32) for name, value in constants.items()}
    folded = changed(layer(constants, transposed=transposed), fold_normalization)
    assert [node.op_type for node in folded.graph.node] == ["Gemm"]
    assert len(folded.graph.initializer) == 2
    feeds = {"x": rng.normal(size=(5, CHANNELS)).astype(np.float32)}
    expected = run(layer(constants, transposed=transposed), feeds)
    # Weights up to 2 / sqrt(.01) = 20 times larger: a few times 2^-24 of sums of about 100.
    np.testing.assert_allclose(run(folded, feeds), expected, rtol=1e-4, atol=1e-4)
