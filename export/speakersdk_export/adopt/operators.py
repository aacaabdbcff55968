"""A builder of ONNX operators with the same meaning in every opset from 11 on.

Opset 13 moved the axes of Unsqueeze and ReduceSum from attributes to inputs, opset 18 those of
ReduceMean and ReduceMax.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper, numpy_helper

_UNTIL_THE_END = np.iinfo(np.int64).max


class Operators:
    """The nodes and constants of a graph; every method returns the name of its output.

    Attributes:
        nodes, initializers: the added nodes and constants, in the order of execution.
    """

    def __init__(self, *, opset: int, prefix: str) -> None:
        self._opset = opset
        self._prefix = prefix
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []

    def add(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """Append a node with one output."""
        name = f"{self._prefix}{len(self.nodes)}_{op_type.lower()}"
        self.nodes.append(helper.make_node(op_type, inputs, [name], name=name, **attributes))
        return name

    def constant(self, values: npt.NDArray[Any]) -> str:
        """Add a constant tensor."""
        name = f"{self._prefix}constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def scalar(self, value: float) -> str:
        """Add a float32 number."""
        return self.constant(np.array(value, np.float32))

    def integers(self, *values: int) -> str:
        """Add a vector of int64."""
        return self.constant(np.array(values, np.int64))

    def unsqueeze(self, value: str, axis: int) -> str:
        """Insert an axis of length 1."""
        if self._opset < 13:
            return self.add("Unsqueeze", value, axes=[axis])
        return self.add("Unsqueeze", value, self.integers(axis))

    def slice(self, value: str, *, axis: int, start: int, end: int | None) -> str:
        """Take the part from `start` up to `end`, which is excluded; None means to the end."""
        end = _UNTIL_THE_END if end is None else end
        return self.add(
            "Slice", value, self.integers(start), self.integers(end), self.integers(axis)
        )

    def mean(self, value: str, *, axis: int) -> str:
        """Compute the mean along an axis, which is kept with length 1."""
        return self._reduced("ReduceMean", 18, value, [axis])

    def total(self, value: str, *, axis: int) -> str:
        """Compute the sum along an axis, which is kept with length 1."""
        return self._reduced("ReduceSum", 13, value, [axis])

    def maximum(self, value: str, *, axes: list[int]) -> str:
        """Compute the maximum along axes, which are kept with length 1."""
        return self._reduced("ReduceMax", 18, value, axes)

    def _reduced(self, op_type: str, axes_are_input_from: int, value: str, axes: list[int]) -> str:
        if self._opset < axes_are_input_from:
            return self.add(op_type, value, axes=axes, keepdims=1)
        return self.add(op_type, value, self.integers(*axes), keepdims=1)

    def clip(self, value: str, low: float, high: float | None) -> str:
        """Limit values to `low` and `high`."""
        bounds = [self.scalar(low), *([] if high is None else [self.scalar(high)])]
        return self.add("Clip", value, *bounds)

    def pad(self, value: str, *, before: list[int], after: list[int]) -> str:
        """Add zeros before and after, along each axis."""
        return self.add("Pad", value, self.integers(*before, *after), self.scalar(0.0))

    def size(self, value: str, *, axis: int) -> str:
        """Return the length of an axis: (1,) int64."""
        return self.slice(self.add("Shape", value), axis=0, start=axis, end=axis + 1)

    def length(self, value: str, *, axis: int) -> str:
        """Return the length of an axis: (1,) float32."""
        return self.add("Cast", self.size(value, axis=axis), to=TensorProto.FLOAT)

    def whole_multiple(self, value: str, *, axis: int, multiple: int) -> str:
        """Cut an axis to a multiple of a length."""
        unit = self.integers(multiple)
        whole = self.add("Mul", self.add("Div", self.size(value, axis=axis), unit), unit)
        return self.add("Slice", value, self.integers(0), whole, self.integers(axis))
