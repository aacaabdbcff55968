"""The published network as ONNX: the file itself, or torch weights in their architecture."""

from __future__ import annotations

import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from speakersdk.errors import ModelError
from speakersdk_export.adopt.families import Family
from speakersdk_export.adopt.graft import read_published

if TYPE_CHECKING:
    from torch import nn

_TRACED_BATCH = 2
_TRACED_FRAMES = 300
_OPSET = 17


def published_network(path: Path, family: Family) -> onnx.ModelProto:
    """Load the network of a published file.

    Args:
        path: an ONNX file, or torch weights of CAM++ (family 3d-speaker) or ResNet34 (family
            wespeaker).
        family: family of the file.

    Raises:
        ModelError: the file is neither of these, or does not exist.
    """
    if not path.is_file():
        raise ModelError(f"expected a published model at {path}, found no file")
    if not zipfile.is_zipfile(path):  # torch writes archives, ONNX does not
        return read_published(path)
    return _traced(_read_network(path, family))


def _read_network(path: Path, family: Family) -> nn.Module:
    """Read the torch weights of a file into the architecture of its family."""
    import torch

    from speakersdk_training.teacher.campplus import CampPlus
    from speakersdk_training.teacher.resnet34 import ResNet34

    architectures: dict[str, tuple[str, type[nn.Module]]] = {
        "3d-speaker": ("CAM++", CampPlus),
        "wespeaker": ("ResNet34", ResNet34),
    }
    if family.name not in architectures:
        raise ModelError(
            f"{path}: torch weights can be adopted only for CAM++ (--family 3d-speaker) and "
            f"ResNet34 (--family wespeaker); export this {family.name} model to ONNX with its own "
            "code first"
        )
    name, architecture = architectures[family.name]
    network = architecture()
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict({key: value.float() for key, value in weights.items()})
    except Exception as error:  # torch raises errors of many classes, with messages of many lines
        raise ModelError(
            f"{path}: expected the weights of {name} as {family.name} publishes them, got "
            "something else; export another network to ONNX with its own code"
        ) from error
    return network


def _traced(network: nn.Module) -> onnx.ModelProto:
    """Trace a network, with features like the exports of the families: (B, T, 80)."""
    import torch
    from torch import Tensor, nn

    from speakersdk_training.teacher.campplus import NUM_MELS

    class TimeFirst(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, features: Tensor) -> Tensor:
            embedding: Tensor = self.network(features.transpose(1, 2))
            return embedding

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside torch
        traced = Path(folder) / "network.onnx"
        torch.onnx.export(
            TimeFirst().eval(),
            (torch.randn(_TRACED_BATCH, _TRACED_FRAMES, NUM_MELS),),
            traced,
            input_names=["feats"],
            output_names=["embedding"],
            dynamic_axes={"feats": {0: "batch", 1: "frames"}, "embedding": {0: "batch"}},
            opset_version=_OPSET,
            dynamo=False,
        )
        return read_published(traced)
