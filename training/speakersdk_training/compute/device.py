"""Where training computes, and how torch is set there."""

from __future__ import annotations

import re

import torch

from speakersdk_training.errors import TrainingError


def pick_device(name: str) -> torch.device:
    """The device of a name; ``auto`` is CUDA where there is a GPU.

    Raises:
        TrainingError: not such a name, or CUDA was named and there is none.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise TrainingError(f"expected cpu, cuda, cuda:N or auto, got {name!r}")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise TrainingError(f"device {name!r}: torch {torch.__version__} sees no CUDA GPU")
    return torch.device(name)


def prepare_torch() -> None:
    """Settings of torch that training counts on."""
    # The log-mel front end needs true float32 products; the encoder itself runs in bf16.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
