"""The published network as ONNX: the file itself, or torch weights in their architecture."""

from __future__ import annotations

import tempfile
import warnings
import zipfile
from pathlib import Path

import onnx

from speakersdk.errors import ModelError
from speakersdk_export.adopt.families import Family
from speakersdk_export.adopt.graft import read_published

_TRACED_BATCH = 2
_TRACED_FRAMES = 300
_OPSET = 17


def published_network(path: Path, family: Family) -> onnx.ModelProto:
    """Load the network of a published file.

    Args:
        path: an ONNX file, or torch weights of CAM++ (family 3d-speaker).
        family: family of the file.

    Raises:
        ModelError: the file is neither of these, or does not exist.
    """
    if not path.is_file():
        raise ModelError(f"expected a published model at {path}, found no file")
    if not zipfile.is_zipfile(path):  # torch writes archives, ONNX does not
        return read_published(path)
    if family.name != "3d-speaker":
        raise ModelError(
            f"{path}: torch weights can be adopted only for CAM++ (--family 3d-speaker); export "
            f"this {family.name} model to ONNX with its own code first"
        )
    return _campplus(path)


def _campplus(path: Path) -> onnx.ModelProto:
    import torch
    from torch import Tensor, nn

    from speakersdk_training.teacher.campplus import NUM_MELS, CampPlus

    class TimeFirst(nn.Module):
        """A wrapper that takes features like 3D-Speaker's exports: (B, T, 80)."""

        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, features: Tensor) -> Tensor:
            embedding: Tensor = self.network(features.transpose(1, 2))
            return embedding

    network = CampPlus()
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict({name: value.float() for name, value in weights.items()})
    except Exception as error:  # torch raises errors of many classes, with messages of many lines
        raise ModelError(f"{path}: expected the weights of CAM++ in 3D-Speaker's form") from error
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside torch
        traced = Path(folder) / "campplus.onnx"
        torch.onnx.export(
            TimeFirst(network).eval(),
            (torch.randn(_TRACED_BATCH, _TRACED_FRAMES, NUM_MELS),),
            traced,
            input_names=["x"],
            output_names=["embedding"],
            dynamic_axes={"x": {0: "batch", 1: "frames"}, "embedding": {0: "batch"}},
            opset_version=_OPSET,
            dynamo=False,
        )
        return read_published(traced)
