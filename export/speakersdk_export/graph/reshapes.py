"""Changes of shape, one after the other, written as one.

A hop is short: an operator that only renames axes costs onnxruntime about as much as one that works
on ten frames. The trace and the lifted convolutions leave chains of two and three behind.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

from speakersdk_export.graph.unused import drop_unused

_SHAPE_CHANGES: Final = {"Reshape", "Squeeze", "Unsqueeze"}


def with_single_reshapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Join chains of shape changes, and drop what nothing reads; the graph is changed in place.

    A chain whose result has more than one size that may vary behind the batch is left as it is.
    """
    graph = model.graph
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    sizes = {
        value.name: [size.dim_value or -1 for size in value.type.tensor_type.shape.dim]
        for value in (*inferred.value_info, *inferred.output)
    }
    producers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        behind_batch = sizes.get(node.output[0], [])[1:]
        source = producers.get(node.input[0])
        if (
            source is None
            or not {node.op_type, source.op_type} <= _SHAPE_CHANGES
            or not behind_batch
            or behind_batch.count(-1) > 1
        ):
            continue
        shape = numpy_helper.from_array(
            np.array([0, *behind_batch], np.int64), f"{node.output[0]}_shape_at_once"
        )
        graph.initializer.append(shape)
        # Producers come first, so that theirs is already joined.
        inputs = [source.input[0], shape.name]
        node.op_type = "Reshape"
        del node.attribute[:], node.input[:]
        node.input.extend(inputs)
    drop_unused(graph)
    return model
