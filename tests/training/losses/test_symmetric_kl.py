"""Symmetric KL in torch, compared with its definition in float64, and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from speakersdk_training.losses.symmetric_kl import symmetric_kl, symmetric_kl_matrix

# Unit of float32. The sums below have D = 12 terms, each with an error of about ten units.
UNIT = 2.0**-24
DIM = 12
ROUNDING = 4 * DIM * UNIT


def softmax(logits: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def reference(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Compute KL(p||q) + KL(q||p) from the probabilities, for all pairs of rows."""
    p, q = softmax(first.astype(np.float64)), softmax(second.astype(np.float64))
    forward = (p * (np.log(p) - np.log(q))).sum(axis=-1)
    return forward + (q * (np.log(q) - np.log(p))).sum(axis=-1)


def logits(rng: np.random.Generator, rows: int, spread: float) -> npt.NDArray[np.float32]:
    return (spread * rng.standard_normal((rows, DIM))).astype(np.float32)


@pytest.mark.parametrize("spread", [0.1, 1.0, 5.0])
def test_values_match_the_definition(rng: np.random.Generator, spread: float) -> None:
    first, second = logits(rng, 9, spread), logits(rng, 9, spread)
    got = symmetric_kl(torch.from_numpy(first), torch.from_numpy(second)).numpy()
    # Errors are relative to |p - q| |a - b| before the sum, at most to (p + q) |a - b|.
    size = 2 * np.abs(first - second).max()
    np.testing.assert_allclose(got, reference(first, second), rtol=0, atol=ROUNDING * size)


@pytest.mark.parametrize("offset", [0.0, 50.0], ids=["centred", "common offset"])
def test_matrix_holds_every_pair(rng: np.random.Generator, offset: float) -> None:
    first, second = logits(rng, 5, 1.0) + offset, logits(rng, 7, 1.0) + offset
    got = symmetric_kl_matrix(torch.from_numpy(first), torch.from_numpy(second)).numpy()
    expected = reference(first[:, None], second[None])
    assert got.shape == (5, 7)
    # An offset of 50 costs its own rounding, 50 units, in the logits; its product is cancelled.
    size = 4 * np.abs(first - offset).max() + offset
    np.testing.assert_allclose(got, expected, rtol=0, atol=ROUNDING * size)


def test_itself_is_zero_and_nothing_is_negative(rng: np.random.Generator) -> None:
    rows = torch.from_numpy(logits(rng, 20, 2.0))
    assert (symmetric_kl(rows, rows) == 0).all()
    near = rows + 1e-4 * torch.from_numpy(logits(rng, 20, 1.0))
    assert (symmetric_kl_matrix(rows, near) >= 0).all()


def test_gradients_match_finite_differences(rng: np.random.Generator) -> None:
    first, second = (
        torch.from_numpy(rng.standard_normal((3, 5))).requires_grad_() for _ in range(2)
    )
    assert torch.autograd.gradcheck(symmetric_kl, (first, second))
    assert torch.autograd.gradcheck(symmetric_kl_matrix, (first, second))


@pytest.mark.parametrize(
    ("first", "second"),
    [((4, 3), (4, 2)), ((4, 3), (5, 3)), ((3,), (3,)), ((1, 4, 3), (1, 4, 3))],
)
def test_rows_must_pair_up(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected two \(N, D\) tensors, got"):
        symmetric_kl(torch.zeros(first), torch.zeros(second))


@pytest.mark.parametrize(("first", "second"), [((4, 3), (4, 2)), ((3,), (4, 3)), ((4, 3), (3,))])
def test_matrix_needs_one_dimension(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(N, D\) and \(M, D\) tensors, got"):
        symmetric_kl_matrix(torch.zeros(first), torch.zeros(second))
