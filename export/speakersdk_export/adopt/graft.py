"""A published network joined with its front end: one graph from waveform to embedding.

samples (B, n) -> front end -> published network -> scaled to length T -> embedding (B, D)
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import onnx
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, compose, helper

from speakersdk.encoder.graph import EMBEDDING, SAMPLES
from speakersdk.errors import ModelError
from speakersdk_export.adopt.families import Family
from speakersdk_export.adopt.front_end import add_front_end
from speakersdk_export.adopt.operators import Operators

# All operators of a front end have the same meaning in these opsets.
OPSETS: Final = range(11, 24)
_DOMAINS: Final = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
_FRONT: Final = "front_"
_BACK: Final = "length_"
_NETWORK: Final = "network_"


def read_published(path: Path) -> ModelProto:
    """Read a published ONNX file.

    Raises:
        ModelError: the file is not ONNX, stores weights in other files, or needs operators or an
            opset that are unknown.
    """
    try:
        model = onnx.load_model(path, load_external_data=False)
    except Exception as error:  # protobuf's errors have no common base class
        raise ModelError(f"{path}: expected an ONNX file, got something else") from error
    if not model.graph.node:
        raise ModelError(f"{path}: expected an ONNX file, got one without a graph")
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in _tensors(model.graph)):
        raise ModelError(
            f"{path}: expected the weights inside the file, got weights in other files; save it as "
            "one file with onnx.save_model(model, path)"
        )
    opset = opset_of(model)
    if opset not in OPSETS:
        raise ModelError(
            f"{path}: expected opset {OPSETS.start} to {OPSETS.stop - 1}, got {opset}; convert it "
            "with onnx.version_converter"
        )
    domains = {node.domain for node in model.graph.node} - set(_DOMAINS)
    if domains:
        raise ModelError(
            f"{path}: expected operators of ONNX or onnxruntime, got some of "
            f"{', '.join(sorted(domains))}; export the network again without them"
        )
    return model


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    """Yield all constants of a graph, also those inside nodes and their branches."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            for branch in (attribute.g, *attribute.graphs):
                yield from _tensors(branch)


def opset_of(model: ModelProto) -> int:
    """Return the version of the standard operators; 0 if the file does not state it."""
    return next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), 0)


def metadata_of(model: ModelProto) -> dict[str, str]:
    """Return the metadata properties of a file."""
    return {item.key: item.value for item in model.metadata_props}


def graft(model: ModelProto, family: Family, *, temperature: float) -> tuple[ModelProto, int, int]:
    """Join a family's front end with a published network.

    Args:
        model: the published network.
        family: the family of the network.
        temperature: T, the length to which every embedding is scaled.

    Returns:
        The windowed graph (docs/formats/model.md), D, the size of its embedding, and the number of
        rewritten operators.

    Raises:
        ModelError: the network's inputs or outputs are not those of the family.
    """
    opset = opset_of(model)
    network = compose.add_prefix(model, _NETWORK)
    _free_axes(network)
    feeds, output = _connections(model, family)
    front = Operators(opset=opset, prefix=_FRONT)
    features = add_front_end(family.front_end, front, SAMPLES)
    links = {_NETWORK + feeds: features}
    if family.length_input is not None:
        frames = front.add("Expand", front.size(features, axis=2), front.size(SAMPLES, axis=0))
        links[_NETWORK + family.length_input] = frames
    _rename(network, links)
    back = Operators(opset=opset, prefix=_BACK)
    raw = _NETWORK + output.name
    if len(output.type.tensor_type.shape.dim) > 2:
        raw = back.add("Reshape", raw, back.integers(0, -1))
    squares = back.total(back.add("Mul", raw, raw), axis=1)
    # A zero vector stays zero, because it has no direction.
    length = back.add("Max", back.add("Sqrt", squares), back.scalar(1e-12))
    factor = back.add("Div", back.scalar(temperature), length)
    back.nodes.append(helper.make_node("Mul", [raw, factor], [EMBEDDING], name=_BACK + EMBEDDING))
    size = embedding_size(output)
    graph = helper.make_graph(
        [*front.nodes, *network.graph.node, *back.nodes],
        "adopted",
        [helper.make_tensor_value_info(SAMPLES, TensorProto.FLOAT, ["batch", "num_samples"])],
        [helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, ["batch", size])],
        [*front.initializers, *network.graph.initializer, *back.initializers],
    )
    joined = helper.make_model(
        graph, opset_imports=list(model.opset_import), ir_version=max(8, model.ir_version)
    )
    return joined, size, correct_average_pooling(joined)


def embedding_size(output: onnx.ValueInfoProto) -> int:
    """Return D, the size of a published network's output.

    Raises:
        ModelError: the file does not state it.
    """
    sizes = [dim.dim_value for dim in output.type.tensor_type.shape.dim]
    size = next((dim for dim in reversed(sizes) if dim > 1), 0)
    if not size:
        raise ModelError(
            f"expected an output {output.name!r} of a fixed size, got {sizes}; export the network "
            "again with the size of its embedding"
        )
    return size


def correct_average_pooling(model: ModelProto) -> int:
    """Rewrite average pooling that onnxruntime up to 1.28 computes wrongly; return the count.

    With `ceil_mode` and `count_include_pad` it divided the last, shorter window by the whole
    window's length (microsoft/onnxruntime PR 29629). Without padding the values do not depend on
    `count_include_pad`, and without that option every version divided correctly.

    Raises:
        ModelError: such a node has padding, and its values would change.
    """
    changed = 0
    for node in model.graph.node:
        if node.op_type != "AveragePool":
            continue
        options = {attribute.name: attribute for attribute in node.attribute}
        if not (_is_set(options.get("ceil_mode")) and _is_set(options.get("count_include_pad"))):
            continue
        pads = options.get("pads")
        if pads is not None and any(pads.ints):
            raise ModelError(
                f"expected average pooling without padding where the last window is shorter, got "
                f"pads {list(pads.ints)} at {node.name}; before 1.29 onnxruntime is wrong"
            )
        options["count_include_pad"].i = 0
        changed += 1
    return changed


def _is_set(attribute: AttributeProto | None) -> bool:
    return attribute is not None and attribute.i == 1


def _connections(model: ModelProto, family: Family) -> tuple[str, onnx.ValueInfoProto]:
    """Return the input for the features, and the output with the embedding."""
    constants = {value.name for value in model.graph.initializer}
    inputs = [value.name for value in model.graph.input if value.name not in constants]
    expected = [name for name in family.inputs if name in inputs]
    needed = 1 if family.length_input is None else 2
    if (
        len(inputs) != needed
        or (family.length_input or inputs[0]) not in inputs
        or (family.inputs and not expected)
    ):
        names = " or ".join(family.inputs) or "features"
        also = f" and {family.length_input}" if family.length_input else ""
        raise ModelError(
            f"expected the input {names}{also} of the family {family.name}, got "
            f"{', '.join(inputs)}; is it another family?"
        )
    features = expected[0] if expected else inputs[0]
    _check_bands(model, features, family)
    outputs = list(model.graph.output)
    named = [output for output in outputs if output.name in family.outputs]
    if named:
        return features, named[0]
    if len(outputs) != 1:
        raise ModelError(
            f"expected the output {' or '.join(family.outputs) or 'of only the embedding'}, got "
            f"{', '.join(output.name for output in outputs)}; is it another family?"
        )
    return features, outputs[0]


def _check_bands(model: ModelProto, features: str, family: Family) -> None:
    """Raise ModelError if an input states another number of bands than its family has."""
    (value,) = (value for value in model.graph.input if value.name == features)
    if not value.type.tensor_type.HasField("shape"):
        return
    sizes = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
    front_end = family.front_end
    axis = front_end.layout.index("F")
    if len(sizes) != len(front_end.layout) or sizes[axis] not in (0, front_end.num_mels):
        raise ModelError(
            f"expected the input {features} to take features {', '.join(front_end.layout)} of F = "
            f"{front_end.num_mels} bands as the family {family.name} computes them, got sizes "
            f"{', '.join(str(size or 'any') for size in sizes)}; is it another family?"
        )


def _rename(network: ModelProto, links: dict[str, str]) -> None:
    """Connect the network's inputs to the outputs of the front end."""
    for node in network.graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = links.get(name, name)


def _free_axes(network: ModelProto) -> None:
    """Remove the shapes that the publisher's trace left inside the graph."""
    del network.graph.value_info[:]
