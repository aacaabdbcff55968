"""Model files: an ONNX graph with the manifest in its metadata."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os.path import realpath
from pathlib import Path

import numpy as np
import onnx

from speakersdk import demo_clips
from speakersdk.audio.waveform import read_audio
from speakersdk.encoder.content import stamped
from speakersdk.encoder.load import load_encoder
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import ConfigError, ModelError
from speakersdk.files import replacement

# Twice the rounding error of a float32 norm of a few hundred values.
_LENGTH_TOLERANCE = 1e-5


def check_output(output: Path, inputs: Iterable[Path]) -> None:
    """Refuse to write a model over one of its input files.

    Raises:
        ConfigError: the output is one of the inputs.
    """
    for path in inputs:
        if realpath(output) == realpath(path):  # Path.resolve raises an error for links in a circle
            raise ConfigError(f"expected an output other than the input {path}; name another file")


@contextmanager
def new_model_file(output: Path) -> Iterator[Path]:
    """Yield the path of a file that replaces `output` if the block ends without an error.

    Missing folders are made.

    Raises:
        OSError: the file cannot be written, or the output is a folder, a pipe or a device.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with replacement(output, is_private=False, needs_name=True) as file:
        yield Path(file.name)


def write_model(path: Path, graph: onnx.ModelProto, manifest: ModelManifest) -> None:
    """Write the graph as one file with the manifest in its metadata, and a hash of the content."""
    onnx.helper.set_model_props(graph, manifest.to_metadata())
    path.write_bytes(stamped(graph.SerializeToString()))


def check_graph(graph: onnx.ModelProto) -> None:
    """Run onnx.checker with shape inference.

    Raises:
        ModelError: the graph is not valid ONNX.
    """
    try:
        onnx.checker.check_model(graph, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"onnx.checker: expected a valid graph, got: {error}") from error


def check_file(path: Path) -> ModelManifest:
    """Check a file: ONNX, manifest, graph contract, and a run on speech.

    Raises:
        ModelError: a check failed.
    """
    encoder = load_encoder(path)
    check_graph(onnx.load_model(path))
    manifest = encoder.manifest
    speech = read_audio(next(iter(sorted(demo_clips.FOLDER.glob("*.flac")))))
    length = float(np.linalg.norm(encoder.encode(speech).embedding))
    if not abs(length / manifest.temperature - 1) <= _LENGTH_TOLERANCE:
        raise ModelError(
            f"expected embeddings of length {manifest.temperature:g}, got {length:g}; "
            "export the model again"
        )
    return manifest
