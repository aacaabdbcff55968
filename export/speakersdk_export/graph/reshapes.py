"""Merging of successive shape changes in a graph.

In a short hop, an operator that only changes a shape takes onnxruntime about as long as one that
processes ten frames. The trace and the lifted convolutions leave chains of two or three.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx

from speakersdk_export.graph.view import GraphView

_SHAPE_CHANGES: Final = {"Reshape", "Squeeze", "Unsqueeze"}


def join_reshapes(view: GraphView) -> None:
    """Merge chains of shape changes and drop unused operators.

    A chain is kept if its result has more than one variable size after the batch.
    """
    inferred = onnx.shape_inference.infer_shapes(view.model, data_prop=True).graph
    sizes = {
        value.name: [size.dim_value or -1 for size in value.type.tensor_type.shape.dim]
        for value in (*inferred.value_info, *inferred.output)
    }
    for node in view.nodes:
        after_batch = sizes.get(node.output[0], [])[1:]
        source = view.producers.get(node.input[0])
        if (
            source is None
            or not {node.op_type, source.op_type} <= _SHAPE_CHANGES
            or not after_batch
            or after_batch.count(-1) > 1
        ):
            continue
        shape = view.add_constant(
            f"{node.output[0]}_shape_at_once", np.array([0, *after_batch], np.int64)
        )
        # Producers come first, and therefore their chains are already merged.
        inputs = [source.input[0], shape]
        node.op_type = "Reshape"
        del node.attribute[:], node.input[:]
        node.input.extend(inputs)
    view.drop_unused()
