"""The pairs of rows of a batch that a pair loss compares."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from speakersdk_training.errors import TrainingError

Pairing = Literal["all", "two_branch"]


def check_batch(outputs: Tensor, classes: Tensor) -> None:
    """Refuse shapes that would broadcast.

    Raises:
        ValueError: the shapes are not (B, D) and (B,).
    """
    if outputs.dim() != 2 or classes.shape != outputs.shape[:1]:
        raise ValueError(
            "expected outputs (B, D) and classes (B,), got "
            f"{tuple(outputs.shape)} and {tuple(classes.shape)}"
        )


def checked_batch(outputs: Tensor, classes: Tensor) -> Tensor:
    """Return the outputs in float32 or better; errors as for `check_batch`."""
    check_batch(outputs, classes)
    return outputs if outputs.dtype == torch.float64 else outputs.float()


def pair_rows(num_rows: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return both rows of each of the B (B - 1) / 2 pairs of a batch, the earlier row first."""
    first, second = torch.triu_indices(num_rows, num_rows, 1, device=device)
    return first, second


def branches(rows: Tensor, pairing: Pairing) -> tuple[Tensor, Tensor]:
    """Return both sides of each pair of the rows (B, D), as (N, D) and (N, D)."""
    if pairing == "two_branch":
        return rows[0::2], rows[1::2]
    first, second = pair_rows(len(rows), rows.device)
    return rows[first], rows[second]


def paired(classes: Tensor, pairing: Pairing) -> Tensor:
    """Return (N,) bool: whether both rows of each pair are of the same speaker.

    Raises:
        TrainingError: there are fewer than two rows, or an odd number for two branches.
    """
    if len(classes) < 2:
        raise TrainingError(f"expected at least 2 rows to pair, got {len(classes)}")
    if pairing == "two_branch":
        if len(classes) % 2:
            raise TrainingError(
                f"expected an even number of rows for two branches, got {len(classes)}"
            )
        return classes[0::2] == classes[1::2]
    first, second = pair_rows(len(classes), classes.device)
    return classes[first] == classes[second]
