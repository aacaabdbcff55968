"""Trained encoders that a student learns from: what they hear in a batch of crops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from speakersdk_training.checkpoint import load_encoder


class Teachers:
    """Encoders in eval mode, none of which learns."""

    def __init__(self, paths: Sequence[Path], *, device: torch.device, precision: str) -> None:
        """Load.

        Args:
            paths: `encoder.pt` of each.
            device: of the crops.
            precision: bf16 | fp32.

        Raises:
            TrainingError: a file is missing or no checkpoint.
        """
        self._encoders = [load_encoder(path)[0].to(device).requires_grad_(False) for path in paths]
        self._precision = precision

    @torch.no_grad()
    def __call__(self, samples: Tensor) -> Tensor:
        """(B, n) samples -> (B, E) float32; inner products are the means of the teachers' cosines.

        It can be captured as a CUDA graph.
        """
        # Autocast's cache of cast weights would outlive a capture.
        with torch.autocast(
            samples.device.type,
            torch.bfloat16,
            enabled=self._precision == "bf16",
            cache_enabled=False,
        ):
            heard = [encoder.utterance(samples)[0].float() for encoder in self._encoders]
        directions = [functional.normalize(each, dim=1) for each in heard]
        return torch.cat(directions, dim=1) / math.sqrt(len(directions))
