"""Conversion of the layers after the front end to smaller number formats, if accuracy is kept.

model file -> int8 (ranges measured on speech) or fp16 -> checks -> EER check -> model file

Only the convolutions after the logarithm and the operators between them are converted, because they
do most of the work. The DFT of the front end needs the full precision of float32, because its
squares span twelve decades, and so do the sums of the pooling. The last layer runs once per call.
"""

from __future__ import annotations

import copy
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
import onnx
from onnx import numpy_helper

from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.encoder.graph import HOP_STATISTICS, NEXT_CACHE, Arrays, StatefulGraph
from speakersdk.encoder.load import load_encoder
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import ConfigError
from speakersdk.evaluation.segments import Piece, Segment
from speakersdk.runtime.session import OnnxSession, open_session
from speakersdk.text import printable
from speakersdk_export.calibrate import CalibrationTrials, ScoredList, calibrate, score_lists
from speakersdk_export.errors import AccuracyError
from speakersdk_export.graph.view import GraphView
from speakersdk_export.model_file import (
    check_file,
    check_graph,
    check_output,
    new_model_file,
    write_model,
)
from speakersdk_export.parity import Difference, check_streaming
from speakersdk_training.data.corpus import Utterance, by_speaker
from speakersdk_training.evaluation.trial_audio import read_segment_audio

Precision = Literal["int8", "fp16"]

# Maximum absolute increase of an EER: a tenth of a percentage point.
EER_LIMIT: Final = 0.001
# A hop and a whole recording round float32 sums differently in the last digit. If that crosses a
# level of the coarser grid, one value changes by a level, and a few later values with it. Measured
# on bundled models, relative to the embedding's length: int8 5e-7 to 2e-3, fp16 5e-5. Ranges that
# were not measured, such as those of the cache, cause 4.9e-3 to 1.6e-2.
STREAMING_LIMIT: Final = 3e-3
# Layers that keep the number format, and need no conversion between two convolutions.
_FOLLOWERS: Final[dict[Precision, frozenset[str]]] = {
    "int8": frozenset({"Relu", "Add", "Concat"}),
    "fp16": frozenset({"Relu", "Add", "Concat", "Tanh"}),
}


@dataclass(frozen=True, slots=True)
class QuantizeReport:
    """The result of a quantization.

    Attributes:
        manifest: the written manifest, with a new name and a new hash of the weights.
        num_layers: number of converted operators, and of operators in the original graph.
        num_bytes: size of the original and of the new file in bytes.
        eers: EER of the original and of the new model by trial list, in [0, 1].
        differences: the differences that the streaming check measured.
    """

    manifest: ModelManifest
    num_layers: tuple[int, int]
    num_bytes: tuple[int, int]
    eers: dict[str, tuple[float, float]]
    differences: tuple[Difference, ...]


def quantize_model(
    path: Path,
    output: Path,
    *,
    precision: Precision,
    speech: Sequence[Waveform],
    trials: CalibrationTrials,
) -> QuantizeReport:
    """Write a model file in another number format, or write nothing.

    Args:
        path: model file to convert, with a stateful model.
        output: file to write; an existing one is replaced.
        precision: "int8" (CPU) or "fp16" (GPU).
        speech: (n,) float32 recordings of training speakers at the model's sample rate, for the
            ranges of the 8-bit grids and for the streaming check.
        trials: development trials, on which the EERs are compared and the calibration is refitted.

    Raises:
        AccuracyError: an EER increases by more than `EER_LIMIT`.
        ParityError: a stream differs from one offline pass.
        ModelError: the file is not a model file, or the new graph is not valid.
        ConfigError: nothing can be converted, the trials cannot be used, or the output is an input.
    """
    check_output(output, [path, *trials.lists, *trials.segments])
    manifest, graph, layers = convertible(path, precision)
    if not speech:
        raise ConfigError("expected some speech for the ranges, got 0 recordings")
    converted = (
        _int8(path, manifest, layers, speech) if precision == "int8" else _fp16(path, layers)
    )
    check_graph(converted)
    manifest = replace(
        manifest,
        name=f"{manifest.name}-{precision}",
        weights_sha256=_weights_sha256(manifest, converted),
    )
    before = score_lists(load_encoder(path), trials)
    with new_model_file(output) as partial:
        write_model(partial, converted, manifest)
        check_file(partial)
        limit = STREAMING_LIMIT * manifest.temperature
        differences = check_streaming(partial, np.concatenate(speech), limit=limit)
        after = score_lists(load_encoder(partial), trials)
        eers = _compare(before, after)
        if manifest.calibration is not None:
            manifest = replace(manifest, calibration=calibrate(after))
            write_model(partial, converted, manifest)
            check_file(partial)
    return QuantizeReport(
        manifest,
        (len(layers), len(graph.graph.node)),
        (path.stat().st_size, output.stat().st_size),
        eers,
        differences,
    )


def convertible(
    path: Path, precision: Precision
) -> tuple[ModelManifest, onnx.ModelProto, list[str]]:
    """Return the manifest and the graph of a model file, and its layers to convert.

    Commands call it first, because reading speech takes long.

    Raises:
        ModelError: the file is not a model file.
        ConfigError: nothing can be converted.
    """
    manifest = check_file(path)
    graph = onnx.load_model(path)
    layers = convertible_layers(graph, precision)
    if manifest.mode != "stateful":
        raise ConfigError(
            f"expected a stateful model, got {manifest.name}, which is {manifest.mode}; "
            "adopted models cannot be converted"
        )
    if not layers:
        raise ConfigError(
            f"expected a model with float32 convolutions, got {manifest.name} with none; convert "
            "the original model"
        )
    return manifest, graph, layers


def convertible_layers(model: onnx.ModelProto, precision: Precision) -> list[str]:
    """Return the names of the float32 convolutions after the logarithm, and of their successors.

    8 bits end with the last convolution in time. What follows it prepares the frames for pooling,
    and its rounding changes an embedding more than that of all other layers.
    """
    shapes = {
        value.name: value.dims
        for value in model.graph.initializer
        if value.data_type == onnx.TensorProto.FLOAT
    }
    after_log: set[str] = set()  # tensors that depend on the log-mel features
    inside: set[str] = set()  # outputs of the layers found so far
    names = []
    upto = 0  # layers up to the last convolution in time
    for node in model.graph.node:
        is_after_log = node.op_type == "Log" or not after_log.isdisjoint(node.input)
        if is_after_log:
            after_log.update(node.output)
        follows = node.op_type in _FOLLOWERS[precision] and not inside.isdisjoint(node.input)
        if is_after_log and ((node.op_type == "Conv" and node.input[1] in shapes) or follows):
            inside.update(node.output)
            names.append(node.name)
            if node.op_type == "Conv" and shapes[node.input[1]][-1] > 1:
                upto = len(names)
    return names[:upto] if precision == "int8" else names


def _int8(
    path: Path, manifest: ModelManifest, layers: list[str], speech: Sequence[Waveform]
) -> onnx.ModelProto:
    """Quantize statically: unsigned activations, signed weights with a scale per channel.

    Activations lie on a grid between the smallest and the largest measured value. They are
    unsigned, because 8-bit products of processors (VNNI, AMX) take one unsigned and one signed
    factor.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType
    from onnxruntime.quantization.quantize import quantize_static

    class Speech(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._feeds = _blocks(open_session(path), manifest, speech)

        def get_next(self) -> Arrays | None:
            return next(self._feeds, None)

    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "int8.onnx"
        quantize_static(
            path,
            output,
            Speech(),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_quantize=layers,
            op_types_to_quantize=["Conv", *_FOLLOWERS["int8"]],
        )
        return onnx.load_model(output)


def _fp16(path: Path, layers: list[str]) -> onnx.ModelProto:
    """Convert weights and activations of the layers to fp16, with casts at their borders."""
    model = onnx.load_model(path)
    graph = model.graph
    weights = {value.name: value for value in graph.initializer}
    halves: set[str] = set()  # tensors that are fp16 now
    casts: dict[tuple[str, int], str] = {}
    nodes: list[onnx.NodeProto] = []

    def cast(name: str, to: int) -> str:
        if (name, to) not in casts:
            casts[name, to] = f"{name}_{onnx.TensorProto.DataType.Name(to).lower()}"
            if name in weights:
                half = numpy_helper.to_array(weights[name]).astype(np.float16)
                graph.initializer.append(numpy_helper.from_array(half, casts[name, to]))
            else:
                nodes.append(onnx.helper.make_node("Cast", [name], [casts[name, to]], to=to))
        return casts[name, to]

    for node in graph.node:
        is_half = node.name in layers
        for index, name in enumerate(node.input):
            if is_half and name not in halves:
                node.input[index] = cast(name, onnx.TensorProto.FLOAT16)
            elif not is_half and name in halves:
                node.input[index] = cast(name, onnx.TensorProto.FLOAT)
        if is_half:
            halves.update(node.output)
        nodes.append(node)
    nodes = [copy.deepcopy(node) for node in nodes]  # copies, because `del` frees the originals
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]  # which declares all tensors as float32
    GraphView(model).drop_unused()
    return model


def training_speech(
    utterances: Sequence[Utterance], *, split: str, number: int = 100, seconds: float = 4.0
) -> list[Waveform]:
    """Choose calibration recordings of different speakers, from all parts of the list.

    Args:
        utterances: utterances of a corpus.
        split: split of the training speakers. All utterances of a corpus without splits are used.
        number: number of recordings; fewer if there are fewer speakers.
        seconds: maximum length of each in seconds.

    Raises:
        ConfigError: no utterance is of the split, or none is long enough.
    """
    chosen_split = [one for one in utterances if one.split in {"", split}]
    if utterances and not chosen_split:
        found = ", ".join(sorted({one.split for one in utterances}))
        raise ConfigError(
            f"expected utterances of the split {printable(split)}, found only the splits "
            f"{printable(found)}; name one of them with --split"
        )
    speakers = list(by_speaker(chosen_split).values())
    chosen = speakers[:: max(len(speakers) // number, 1)][:number]
    longest = [max(group, key=lambda one: one.num_samples or 0) for group in chosen]
    limit = round(seconds * SAMPLE_RATE_HZ)
    segments = [
        Segment(
            str(index),
            one.speaker,
            (Piece(str(one.path), one.start, min(one.num_samples or limit, limit)),),
        )
        for index, one in enumerate(longest)
    ]
    recordings = read_segment_audio(segments, Path())
    speech = [samples for samples in recordings.values() if len(samples) >= SAMPLE_RATE_HZ // 2]
    if not speech:
        raise ConfigError("expected training utterances of half a second or more, found none")
    return speech


def _blocks(
    session: OnnxSession, manifest: ModelManifest, speech: Sequence[Waveform]
) -> Iterator[Arrays]:
    """Yield the inputs of a stateful graph for each recording, in two blocks.

    The second block starts from the first one's state, to measure the ranges of the cache as well.
    """
    frontend, graph = manifest.frontend, StatefulGraph(manifest)
    for samples in speech:
        padded = np.concatenate([np.zeros(1, np.float32), samples])
        half = frontend.num_frames(len(samples)) // 2
        step = half * frontend.hop_samples
        cache = statistics = None
        for first in (0, step):
            feeds = graph.feeds(
                padded[np.newaxis, first : first + graph.num_samples(half)],
                cache=cache,
                statistics=statistics,
            )
            outputs = session.run(feeds)
            cache, statistics = outputs[NEXT_CACHE], outputs[HOP_STATISTICS]
            yield feeds


def _weights_sha256(manifest: ModelManifest, converted: onnx.ModelProto) -> str:
    """Hash the new weights, because embeddings of two number formats cannot be compared."""
    digest = hashlib.sha256(manifest.weights_sha256.encode())
    for value in sorted(converted.graph.initializer, key=lambda value: value.name):
        digest.update(value.name.encode())
        digest.update(numpy_helper.to_array(value).tobytes())
    return digest.hexdigest()


def _compare(
    before: Sequence[ScoredList], after: Sequence[ScoredList]
) -> dict[str, tuple[float, float]]:
    """Return the EERs of each list if none increased by more than the limit."""
    eers = {one.name: (one.eer, other.eer) for one, other in zip(before, after, strict=True)}
    worse = {name: pair for name, pair in eers.items() if not pair[1] - pair[0] <= EER_LIMIT}
    if worse:
        raise AccuracyError(worse, limit=EER_LIMIT)
    return eers
