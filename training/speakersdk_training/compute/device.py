"""The device of the training, and its settings in torch."""

from __future__ import annotations

import re

import torch

from speakersdk_training.errors import TrainingError


def pick_device(name: str) -> torch.device:
    """Return the device with this name; ``auto`` is CUDA if there is a GPU, otherwise the CPU.

    Raises:
        TrainingError: the name is unknown, or CUDA is not available.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise TrainingError(f"expected cpu, cuda, cuda:N or auto, got {name!r}")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise TrainingError(f"device {name!r}: torch {torch.__version__} finds no CUDA GPU")
    return torch.device(name)


def prepare_torch(device: torch.device) -> None:
    """Set the options of torch that training on a device requires."""
    if device.index is not None:  # streams and captured graphs belong to torch's current device
        torch.cuda.set_device(device)
    # The log-mel front end needs true float32 products; the encoder itself runs in bf16.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
