"""What one pass of a graph must compute and move, read from onnxruntime's own profile of it.

Multiplications and additions come from the shapes of products and convolutions. Bytes are those of
every operator's operands and results: what a device moves that keeps nothing between operators.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Work:
    """Of one pass.

    Attributes:
        flop: multiplications and additions.
        operand_bytes: read and written by the operators, weights included.
    """

    flop: int
    operand_bytes: int


def work_of_a_pass(model: Path, shapes: Mapping[str, tuple[int, ...]]) -> Work:
    """Run a graph once on zeros and add up what its operators did."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        options.intra_op_num_threads = 1
        # Weights as they stand in the file, not blocked for one processor.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        session = onnxruntime.InferenceSession(
            os.fspath(model), options, providers=["CPUExecutionProvider"]
        )
        session.run(None, {name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
        events = json.loads(Path(session.end_profiling()).read_text())
    operators = [event["args"] for event in events if event["name"].endswith("_kernel_time")]
    return Work(
        sum(_flop(operator) for operator in operators),
        sum(
            int(operator[size])
            for operator in operators
            for size in ("activation_size", "parameter_size", "output_size")
        ),
    )


def _flop(operator: Mapping[str, Any]) -> int:
    """Of an operator with weights; element by element operators count for nothing beside them."""
    kind = operator["op_name"]
    inputs = [shape for item in operator["input_type_shape"] for shape in item.values()]
    outputs = [shape for item in operator["output_type_shape"] for shape in item.values()]
    if "Conv" in kind:
        batch, spatial = outputs[0][0], math.prod(outputs[0][2:])
        return 2 * math.prod(inputs[1]) * batch * spatial
    if kind in {"MatMul", "Gemm", "FusedMatMul", "FusedGemm"}:
        # Every element of the result is a sum over the first factor's last axis.
        return 2 * math.prod(outputs[0]) * inputs[0][-1]
    return 0
