from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from speakersdk_export.graph.reshapes import join_reshapes
from speakersdk_export.graph.view import changed

pytestmark = pytest.mark.export

SHAPES = {"planes": [0, 2, 3, -1], "flat": [0, -1], "axis": [2]}


def model(
    *nodes: onnx.NodeProto, shape: Sequence[int | str], outputs: list[str]
) -> onnx.ModelProto:
    """Make nodes from ``x`` to outputs of any shape."""
    graph = helper.make_graph(
        list(nodes),
        "shapes",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.array(value), name) for name, value in SHAPES.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def lifted(*, shape: Sequence[int | str], outputs: list[str]) -> onnx.ModelProto:
    """Three changes of shape, followed by a computing node."""
    return model(
        helper.make_node("Reshape", ["x", "planes"], ["a"]),
        helper.make_node("Reshape", ["a", "flat"], ["b"]),
        helper.make_node("Reshape", ["b", "planes"], ["c"]),
        helper.make_node("Unsqueeze", ["c", "axis"], ["d"]),
        helper.make_node("Relu", ["d"], ["y"]),
        shape=shape,
        outputs=outputs,
    )


def operators(graph: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in graph.graph.node]


def check_same(before: onnx.ModelProto, after: onnx.ModelProto) -> None:
    values = np.random.default_rng(1).normal(size=(4, 30)).astype(np.float32)
    pairs = zip(
        ReferenceEvaluator(before).run(None, {"x": values}),
        ReferenceEvaluator(after).run(None, {"x": values}),
        strict=True,
    )
    for expected, found in pairs:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("size", [30, "n"])
def test_a_chain_becomes_one_reshape(size: int | str) -> None:
    before = lifted(shape=["batch", size], outputs=["y"])
    after = changed(lifted(shape=["batch", size], outputs=["y"]), join_reshapes)
    assert operators(after) == ["Reshape", "Relu"]
    assert {value.name for value in after.graph.initializer} == {after.graph.node[0].input[1]}
    check_same(before, after)


def test_what_something_else_reads_stays() -> None:
    before = lifted(shape=["batch", 30], outputs=["y", "b"])
    after = changed(lifted(shape=["batch", 30], outputs=["y", "b"]), join_reshapes)
    assert operators(after) == ["Reshape", "Reshape", "Relu"]
    check_same(before, after)


def test_two_sizes_that_vary_are_unchanged() -> None:
    def chain() -> onnx.ModelProto:
        return model(
            helper.make_node("Unsqueeze", ["x", "axis"], ["a"]),
            helper.make_node("Unsqueeze", ["a", "axis"], ["b"]),
            helper.make_node("Relu", ["b"], ["y"]),
            shape=["batch", "frames", "bands"],
            outputs=["y"],
        )

    assert operators(changed(chain(), join_reshapes)) == operators(chain())
