"""A graph that is being rewritten, with lookups of operators and constants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper


class GraphView:
    """The graph of a model, which is changed in place.

    Attributes:
        model: the model.
        producers: the operator that outputs each tensor.
        constants: the values of each initializer.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.producers = _producers(model.graph)
        self.constants: dict[str, npt.NDArray[Any]] = {
            value.name: numpy_helper.to_array(value) for value in model.graph.initializer
        }

    @property
    def nodes(self) -> tuple[onnx.NodeProto, ...]:
        """The operators in the order of execution."""
        return tuple(self.model.graph.node)

    def add_constant(self, name: str, values: npt.NDArray[np.generic]) -> str:
        """Add an initializer, unless the name exists already, and return its name."""
        if name not in self.constants:
            self.constants[name] = values
            self.model.graph.initializer.append(numpy_helper.from_array(values, name))
        return name

    def set_nodes(self, nodes: Sequence[onnx.NodeProto]) -> None:
        """Replace all operators."""
        kept = list(nodes)
        del self.model.graph.node[:]
        self.model.graph.node.extend(kept)
        self.producers = _producers(self.model.graph)

    def replace(self, node: onnx.NodeProto, successors: Sequence[onnx.NodeProto]) -> None:
        """Replace one operator by others."""
        nodes = self.nodes
        index = nodes.index(node)
        self.set_nodes([*nodes[:index], *successors, *nodes[index + 1 :]])

    def drop_unused(self) -> None:
        """Remove operators and constants whose values are not used."""
        graph = self.model.graph
        used = {value.name for value in graph.output}
        kept: list[onnx.NodeProto] = []
        for node in reversed(self.nodes):
            if not used.isdisjoint(node.output):
                kept.append(node)
                used.update(node.input)
        self.set_nodes(kept[::-1])
        constants = [value for value in graph.initializer if value.name in used]
        del graph.initializer[:]
        graph.initializer.extend(constants)
        self.constants = {name: at for name, at in self.constants.items() if name in used}


def changed(model: onnx.ModelProto, *changes: Callable[[GraphView], None]) -> onnx.ModelProto:
    """Apply passes that share one view; the model is changed in place and returned."""
    view = GraphView(model)
    for change in changes:
        change(view)
    return view.model


def _producers(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    return {name: node for node in graph.node for name in node.output}
