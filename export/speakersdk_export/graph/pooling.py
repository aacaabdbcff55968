"""Rewrites of the pooling: sums over frames as a matrix product, and a folded normalization.

The results are those of the trace, with fewer passes over the data.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from onnx import helper

from speakersdk_export.graph.view import GraphView

_TIME_AXIS: Final = 2


def sum_by_product(view: GraphView) -> None:
    """Compute the weighted sums over frames as a matrix product.

    The trace multiplies the attention a of each frame by its weight, joins a, a h and a h^2, and
    sums over the frames. The rewrite multiplies the joined moments (B, 3 C, k) of the unweighted
    attention by the frame weights (B, k, 1): the input `frame_weights`, or its product with the
    speech decisions.

    Raises:
        ValueError: the graph computes its sums in another way.
    """
    graph = view.model.graph
    producers = view.producers
    total = producers["hop_statistics"]
    joined = producers.get(total.input[0], total)
    weighing = producers.get(joined.input[0], joined)
    weights = {"frame_weights"}  # and all values that are computed from them, up to the attention
    for node in graph.node:
        if node is not weighing and not weights.isdisjoint(node.input):
            weights.update(node.output)
    kinds = [node.op_type for node in (total, joined, weighing)]
    attention, row = sorted(weighing.input, key=lambda name: name in weights)[:2]
    unsqueezing = producers.get(row)
    if (
        kinds != ["ReduceSum", "Concat", "Mul"]
        or attention in weights
        or unsqueezing is None
        or weights.isdisjoint(unsqueezing.input)
    ):
        raise ValueError(f"expected ReduceSum of Concat of Mul with frame_weights, got {kinds}")
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == weighing.output[0]:
                node.input[index] = attention
    axis = view.add_constant("sum_axis", np.array([_TIME_AXIS], np.int64))
    make = helper.make_node
    nodes = [
        make("Unsqueeze", [unsqueezing.input[0], axis], ["frame_column"], name="frame_column"),
        make("MatMul", [joined.output[0], "frame_column"], ["sum_column"], name="sum_column"),
        make("Squeeze", ["sum_column", axis], list(total.output), name="hop_statistics"),
    ]
    view.replace(total, nodes)
    view.drop_unused()


def fold_normalization(view: GraphView) -> None:
    """Fold a batch normalization into the fully connected layer after it.

    W (s x + t) + b = (W s) x + (W t + b), computed in float64.
    """
    for node in view.nodes:
        norm = view.producers.get(node.input[0])
        if node.op_type != "Gemm" or norm is None or norm.op_type != "BatchNormalization":
            continue
        source, *names = norm.input
        scale, offset, mean, variance = (view.constants[name].astype(np.float64) for name in names)
        epsilon = next(at.f for at in norm.attribute if at.name == "epsilon")
        factor = scale / np.sqrt(variance + epsilon)
        attributes = {at.name: helper.get_attribute_value(at) for at in node.attribute}
        weights, bias = (view.constants[name].astype(np.float64) for name in node.input[1:])
        weights = weights.T if attributes.get("transB") else weights  # (inputs, outputs)
        folded = {
            f"{node.input[1]}_normalised": factor[:, np.newaxis] * weights,
            f"{node.input[2]}_normalised": bias + (offset - mean * factor) @ weights,
        }
        for name, values in folded.items():
            view.add_constant(name, values.astype(np.float32))
        del node.attribute[:], node.input[:]
        node.input.extend([source, *folded])
    view.drop_unused()
