import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from speakersdk_export.graph.view import GraphView

pytestmark = pytest.mark.export


def test_operators_that_nothing_reads_are_dropped_with_their_constants() -> None:
    nodes = [
        helper.make_node("Reshape", ["x", "planes"], ["a"]),
        helper.make_node("Reshape", ["a", "flat"], ["b"]),
        helper.make_node("Reshape", ["b", "planes"], ["c"]),
        helper.make_node("Unsqueeze", ["c", "axis"], ["d"]),
        helper.make_node("Relu", ["d"], ["y"]),
    ]
    shapes = {"planes": [0, 2, 3, -1], "flat": [0, -1], "axis": [2]}
    graph = helper.make_graph(
        nodes,
        "shapes",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 30])],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.array(value), name) for name, value in shapes.items()],
    )
    view = GraphView(helper.make_model(graph))
    view.drop_unused()
    graph = view.model.graph
    assert set(view.producers) == {"a", "b"}
    assert [node.output[0] for node in graph.node] == ["a", "b"]
    assert {value.name for value in graph.initializer} == {"planes", "flat"}
