"""Symmetric KL divergence of softmax distributions, differentiable.

J(a, b) = sum (p - q)(a - b) with p = softmax(a), q = softmax(b): the log-normalizers cancel
because both distributions sum to 1 (H. Jeffreys, 1946).
"""

from __future__ import annotations

import torch
from torch import Tensor


def symmetric_kl(first: Tensor, second: Tensor) -> Tensor:
    """Compute J of each row: (N, D) and (N, D) logits -> (N,)."""
    if first.shape != second.shape or first.dim() != 2:
        raise ValueError(
            f"expected two (N, D) tensors, got {tuple(first.shape)} and {tuple(second.shape)}"
        )
    difference = torch.softmax(first, dim=1) - torch.softmax(second, dim=1)
    return (difference * (first - second)).sum(dim=1)


def symmetric_kl_matrix(first: Tensor, second: Tensor) -> Tensor:
    """Compute J of all pairs: (N, D) and (M, D) logits -> (N, M), by two matrix products.

    J is invariant to a common offset of all logits. Centering them first keeps the digits that the
    expanded form would lose.
    """
    if first.dim() != 2 or second.dim() != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(
            "expected (N, D) and (M, D) tensors, got "
            f"{tuple(first.shape)} and {tuple(second.shape)}"
        )
    center = second.mean(dim=0, keepdim=True)
    p, q = torch.softmax(first, dim=1), torch.softmax(second, dim=1)
    middle = q.mean(dim=0, keepdim=True)
    p, q, a, b = p - middle, q - middle, first - center, second - center
    own = (p * a).sum(dim=1, keepdim=True) + (q * b).sum(dim=1)
    return (own - p @ b.T - a @ q.T).clamp(min=0)
