"""Translation of a torch encoder to an ONNX graph of few, large operators.

torch.export -> ONNX operators -> constants folded, batch normalization folded into convolutions

Only exact rewrites are applied. The optimizer of the exporter also drops additions of 1e-8 or less.
This would remove the floor of the logarithm in the front end, and make digital silence infinite.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import warnings
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import onnx
import onnx_ir as ir
import torch
from onnx_ir.passes import common as passes
from onnxscript import optimizer, rewriter
from onnxscript.rewriter.rules import common as rules
from torch import nn

from speakersdk.audio.voice_activity import SPEECH_PROBABILITY
from speakersdk.encoder.graph import (
    CACHE,
    EMBEDDING,
    FRAME_WEIGHTS,
    HOP_STATISTICS,
    OUTPUTS,
    SAMPLES,
    SPEECH,
    STATISTICS,
)
from speakersdk_export.graph.convolution import lift_convolutions
from speakersdk_export.graph.lstm import OnnxLstm
from speakersdk_export.graph.pooling import fold_normalization, sum_by_product
from speakersdk_export.graph.reshapes import join_reshapes
from speakersdk_export.graph.view import changed
from speakersdk_training.models.blstm import BlstmEncoder
from speakersdk_training.models.frontend import LogMel
from speakersdk_training.models.tdnn import TdnnEncoder

# The oldest opset of the exporter; all supported versions of onnxruntime read it.
OPSET: Final = 18
# Constants of any size are folded, because the graph contains its weights only once.
_FOLD_BYTES: Final = 2**30
_EXACT_RULES: Final = (
    rules.fuse_batchnorm_into_conv_rule,
    rules.fuse_batchnorm_into_gemm_rule,
    rules.collapse_slice_rule,
    rules.collapse_slice2_rule,
    rules.materialize_reshape_shape_rule,
    rules.no_op_cast_rule,
    rules.no_op_expand_rule,
    rules.no_op_transpose_rule,
    rules.transpose_transpose_rule,
    *rules.expand_before_binary_op_rules,
)
# Any size above 1 works: torch.export treats sizes of 0 and 1 as constants.
_TRACED_BATCH: Final = 2
_TRACED_FRAMES: Final = 10


class _SpeechOnly(nn.Module):
    """An encoder that pools only the frames that its speech head classifies as speech."""

    def __init__(self, encoder: TdnnEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(
        self,
        samples: torch.Tensor,
        frame_weights: torch.Tensor,
        cache: torch.Tensor,
        statistics: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Run the encoder with its speech threshold."""
        outputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor] = self.encoder(
            samples, frame_weights, cache, statistics, speech_threshold=SPEECH_PROBABILITY
        )
        return outputs


def stateful_graph(encoder: TdnnEncoder, *, has_speech_head: bool) -> onnx.ModelProto:
    """Make the stateful graph (docs/formats/model.md) of an encoder in eval mode.

    With a speech head the graph pools speech only. Without one the caller weights the frames.
    """
    config = encoder.frontend.config
    num_samples = config.context_samples + _TRACED_FRAMES * config.hop_samples
    cache, statistics = encoder.start(_TRACED_BATCH)
    model = _trace(
        _SpeechOnly(encoder) if has_speech_head else encoder,
        {
            SAMPLES: (torch.zeros(_TRACED_BATCH, num_samples), "num_samples"),
            FRAME_WEIGHTS: (torch.ones(_TRACED_BATCH, _TRACED_FRAMES), "frames"),
            CACHE: (cache, None),
            STATISTICS: (statistics, None),
        },
        dict.fromkeys(OUTPUTS) | {SPEECH: "frames"},
    )
    if not has_speech_head:
        outputs = model.graph.outputs
        outputs.remove(next(output for output in outputs if output.name == SPEECH))
    return changed(
        with_several_windows(_simplified(model)),
        sum_by_product,
        fold_normalization,
        lift_convolutions,
        join_reshapes,
    )


def with_several_windows(model: onnx.ModelProto) -> onnx.ModelProto:
    """Let one call of a stateful graph embed R windows of each stream.

    ``statistics`` becomes (B, R * statistics_size), and ``embedding`` (B * R, D), stream by stream.
    A window costs one row of the last layer. The trace cannot express this: R would be a constant.
    """
    graph = model.graph
    statistics = next(value for value in graph.input if value.name == STATISTICS)
    size_axis = statistics.type.tensor_type.shape.dim[1]
    index, addition = next(
        (index, node) for index, node in enumerate(graph.node) if STATISTICS in node.input
    )
    if addition.op_type != "Add" or HOP_STATISTICS not in addition.input:
        raise ValueError(
            f"expected {STATISTICS} + {HOP_STATISTICS} in the graph, got {addition.op_type} of "
            f"{list(addition.input)}"
        )
    total = addition.output[0]
    constants = {
        "windows_shape": [0, -1, size_axis.dim_value],  # 0 keeps the batch
        "rows_shape": [-1, size_axis.dim_value],
        "window_axis": [1],
    }
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.array(values, np.int64), name)
        for name, values in constants.items()
    )
    make = onnx.helper.make_node
    nodes = [
        make("Reshape", [STATISTICS, "windows_shape"], ["windows"], name="windows"),
        make("Unsqueeze", [HOP_STATISTICS, "window_axis"], ["hop_window"], name="hop_window"),
        make("Add", ["windows", "hop_window"], ["windows_and_hop"], name="windows_and_hop"),
        make("Reshape", ["windows_and_hop", "rows_shape"], [total], name="window_rows"),
    ]
    del graph.node[index]
    for offset, node in enumerate(nodes):
        graph.node.insert(index + offset, node)
    size_axis.Clear()
    size_axis.dim_param = "window_statistics"
    embedding = next(value for value in graph.output if value.name == EMBEDDING)
    embedding.type.tensor_type.shape.dim[0].dim_param = "windows_of_batch"
    return model


def windowed_graph(encoder: BlstmEncoder) -> onnx.ModelProto:
    """Make the windowed graph (docs/formats/model.md) of an encoder in eval mode."""
    encoder = copy.deepcopy(encoder)
    for name, layer in list(encoder.named_children()):
        if isinstance(layer, nn.LSTM):
            setattr(encoder, name, OnnxLstm(layer))
    config = encoder.frontend.config
    samples = torch.zeros(_TRACED_BATCH, config.num_samples(_TRACED_FRAMES))
    model = _trace(encoder, {SAMPLES: (samples, "num_samples")}, {EMBEDDING: None})
    return _simplified(model)


def log_mel_graph(frontend: LogMel) -> onnx.ModelProto:
    """Make the graph of the front end: ``samples (B, n)`` -> ``log_mel (B, num_mels, k)``.

    The samples begin with a zero.
    """
    num_samples = 1 + frontend.config.num_samples(_TRACED_FRAMES)
    samples = torch.zeros(_TRACED_BATCH, num_samples)
    model = _trace(frontend, {SAMPLES: (samples, "num_samples")}, {"log_mel": None})
    return _simplified(model)


def _trace(
    module: nn.Module,
    inputs: dict[str, tuple[torch.Tensor, str | None]],
    outputs: dict[str, str | None],
) -> ir.Model:
    """Trace a module with names of inputs, outputs and dynamic second axes."""
    auto = torch.export.Dim.AUTO
    dynamic = tuple({0: auto} | ({1: auto} if axis else {}) for _, axis in inputs.values())
    with warnings.catch_warnings(), _errors_only("torch.onnx"):
        # Deprecations in torch, and notes on torchvision and on axis names, which are set below.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(),
            tuple(tensor for tensor, _ in inputs.values()),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=dynamic,
            opset_version=OPSET,
            dynamo=True,
            optimize=False,
            verbose=False,
        )
    assert program is not None  # only the deprecated exporter returns None
    graph = program.model.graph
    for values, axes in (
        (graph.inputs, [axis for _, axis in inputs.values()]),
        (graph.outputs, list(outputs.values())),
    ):
        for value, axis in zip(values, axes, strict=True):
            sizes: list[Any] = list(value.shape or ())
            sizes[0] = "batch"
            if axis:
                sizes[1] = axis
            value.shape = ir.Shape(sizes)
    return program.model


@contextlib.contextmanager
def _errors_only(name: str) -> Iterator[None]:
    """Suppress warnings of a logger in the block."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _simplified(model: ir.Model) -> onnx.ModelProto:
    """Apply the exact rewrites and remove unused values."""
    _write_out_reshapes(model)
    optimizer.fold_constants_ir(model, input_size_limit=_FOLD_BYTES, output_size_limit=_FOLD_BYTES)
    model = rewriter.rewrite(model, pattern_rewrite_rules=list(_EXACT_RULES))
    for simplify in (
        passes.RemoveUnusedNodesPass(),
        passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        passes.DeduplicateInitializersPass(),
        passes.CommonSubexpressionEliminationPass(),
        passes.IdentityEliminationPass(),
        passes.RemoveUnusedNodesPass(),
        passes.ClearMetadataAndDocStringPass(),
    ):
        simplify(model)
    proto = ir.to_proto(model)
    del proto.graph.value_info[:]  # shapes inside the graph, named after the tracer's symbols
    return proto


def _write_out_reshapes(model: ir.Model) -> None:
    """Give reshapes that keep batch and frames a constant shape, such as (0, 8, 16, -1).

    The trace computes both sizes from other tensors, with several small operators each.
    """
    for node in list(model.graph):
        if node.op_type != "Reshape" or node.inputs[0] is None:
            continue
        source, target = node.inputs[0].shape, node.outputs[0].shape
        if source is None or target is None or source[0] != target[0]:
            continue
        sizes = [size if isinstance(size, int) else -1 for size in target[1:]]
        if isinstance(target[0], int) or sizes.count(-1) > 1:
            continue
        shape = ir.tensor(np.array([0, *sizes], np.int64), name=f"{node.outputs[0].name}_shape")
        value = ir.Value(
            name=shape.name,
            shape=ir.Shape([len(target)]),
            type=ir.TensorType(ir.DataType.INT64),
            const_value=shape,
        )
        model.graph.register_initializer(value)
        node.replace_input_with(1, value)
        node.attributes.pop("allowzero", None)  # otherwise a 0 would not keep the size
