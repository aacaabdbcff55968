"""The symmetric KL divergence of embeddings, computed by the compiled kernels.

There are functions for two kinds of vectors: a pair, one vector against many, and all pairs.

* Logits, the output of the encoder: a vector z represents p = softmax(z), and
  J = KL(p||q) + KL(q||p) = sum (p - q) (z_p - z_q). Adding a constant to z does not change J.
* Positive vectors, which need not sum to one: J = sum (p - q) (ln p - ln q).

J is a symmetric divergence. It is zero for equal vectors and lower for more similar ones. The score
is -J.

Inputs may be any real arrays or nested lists. They are converted to contiguous float32, and the
kernels compute in float64, except for `symmetric_kl_matrix` with dtype float32. The GIL is released
during the computation. The kernels use the best instruction set of the processor, chosen at import;
the environment variable SPEAKERSDK_KERNEL selects one of `available_kernels()`.
Source: H. Jeffreys, "An invariant form for the prior probability in estimation problems", 1946.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import numpy.typing as npt

from speakersdk import _native

__all__ = [
    "available_kernels",
    "kernel",
    "symmetric_kl",
    "symmetric_kl_matrix",
    "symmetric_kl_positive",
    "symmetric_kl_positive_matrix",
    "symmetric_kl_positive_to_many",
    "symmetric_kl_to_many",
]

_FLOAT32 = np.dtype(np.float32)


def kernel() -> str:
    """Return the name of the kernel in use: "avx512", "avx2", "neon" or "portable"."""
    return _native.kernel()


def available_kernels() -> tuple[str, ...]:
    """Return the names of the kernels that this processor supports, fastest first."""
    return tuple(_native.available_kernels())


def symmetric_kl(a: npt.ArrayLike, b: npt.ArrayLike, /) -> float:
    """Compute the symmetric KL divergence of two softmax distributions from their logits.

    Args:
        a: (dim,) float32, finite logits.
        b: (dim,) float32, finite logits.

    Returns:
        J >= 0 in nats.

    Raises:
        TypeError: not real numbers.
        ValueError: not a vector, empty, of different dim, or not finite in float32.
    """
    if type(a) is np.ndarray and type(b) is np.ndarray and a.dtype is b.dtype is _FLOAT32:
        # Conversion takes ten times as long as the divergence.
        try:
            return _native.symmetric_kl(a, b)
        except (TypeError, ValueError):  # needs a copy, or an error message with the name
            pass
    return _native.symmetric_kl(_float32("a", a), _float32("b", b))


def symmetric_kl_to_many(a: npt.ArrayLike, b: npt.ArrayLike, /) -> npt.NDArray[np.float64]:
    """Compute the symmetric KL divergences between one row of logits and many.

    Args:
        a: (dim,) float32, finite logits.
        b: (num, dim) float32, finite logits.

    Returns:
        (num,) float64, J >= 0 in nats; each equals `symmetric_kl` of its pair.

    Raises:
        TypeError: not real numbers.
        ValueError: wrong rank, empty, of different dim, or not finite in float32.
    """
    return _native.symmetric_kl_to_many(_float32("a", a), _float32("b", b))


@overload
def symmetric_kl_matrix(  # type: ignore[overload-overlap]  # no class is both types
    a: npt.ArrayLike, b: npt.ArrayLike, /, *, dtype: type[np.float32], num_threads: int = 1
) -> npt.NDArray[np.float32]: ...
@overload
def symmetric_kl_matrix(
    a: npt.ArrayLike, b: npt.ArrayLike, /, *, dtype: type[np.float64] = ..., num_threads: int = 1
) -> npt.NDArray[np.float64]: ...
def symmetric_kl_matrix(
    a: npt.ArrayLike, b: npt.ArrayLike, /, *, dtype: type[Any] = np.float64, num_threads: int = 1
) -> npt.NDArray[Any]:
    """Compute the symmetric KL divergences between all rows of logits of `a` and `b`.

    The softmax of each row is computed once, which is much faster than calling `symmetric_kl` for
    each pair. With `dtype=np.float32` it is about eight times faster again: it uses one float32
    matrix product of centered rows, and the difference form for pairs whose product could be wrong
    by more than 1e-5 of the result (docs/scoring.md derives the bound).

    Args:
        a: (num_a, dim) float32, finite logits.
        b: (num_b, dim) float32, finite logits.
        dtype: np.float64 or np.float32. With float32 the logits of a row may span at most 64.
        num_threads: threads of the float32 product.

    Returns:
        (num_a, num_b) of `dtype`, J >= 0 in nats. In float64 each value equals `symmetric_kl` of
        its pair; in float32 the relative difference is at most 1e-5.

    Raises:
        TypeError: not real numbers.
        ValueError: wrong rank, empty, of different dim, or not finite in float32; an unsupported
            dtype; logits that span more than 64 with float32.
    """
    if dtype is np.float32:
        return _native.symmetric_kl_pairs(_float32("a", a), _float32("b", b), num_threads)[0]
    if dtype is not np.float64:
        raise ValueError(f"dtype: expected np.float64 or np.float32, got {dtype!r}")
    if num_threads != 1:
        raise ValueError(
            f"num_threads: expected 1 in float64, got {num_threads}; threads need dtype=np.float32"
        )
    return _native.symmetric_kl_matrix(_float32("a", a), _float32("b", b))


def symmetric_kl_positive(a: npt.ArrayLike, b: npt.ArrayLike, /) -> float:
    """Compute the symmetric KL divergence of two positive vectors.

    For vectors that are not normalized, it is the sum of the two generalized KL divergences.

    Args:
        a: (dim,) float32, finite and above zero.
        b: (dim,) float32, finite and above zero.

    Returns:
        J >= 0 in nats times the unit of the vectors.

    Raises:
        TypeError: not real numbers.
        ValueError: not a vector, empty, of different dim, not finite or not above zero in float32.
    """
    return _native.symmetric_kl_positive(_float32("a", a), _float32("b", b))


def symmetric_kl_positive_to_many(a: npt.ArrayLike, b: npt.ArrayLike, /) -> npt.NDArray[np.float64]:
    """Compute the symmetric KL divergences between one positive vector and many.

    Args:
        a: (dim,) float32, finite and above zero.
        b: (num, dim) float32, finite and above zero.

    Returns:
        (num,) float64, J >= 0; each equals `symmetric_kl_positive` of its pair.

    Raises:
        TypeError: not real numbers.
        ValueError: wrong rank, empty, of different dim, not finite or not above zero in float32.
    """
    return _native.symmetric_kl_positive_to_many(_float32("a", a), _float32("b", b))


def symmetric_kl_positive_matrix(a: npt.ArrayLike, b: npt.ArrayLike, /) -> npt.NDArray[np.float64]:
    """Compute the symmetric KL divergences between all positive rows of `a` and `b`.

    The logarithms of each row are computed once.

    Args:
        a: (num_a, dim) float32, finite and above zero.
        b: (num_b, dim) float32, finite and above zero.

    Returns:
        (num_a, num_b) float64, J >= 0; each equals `symmetric_kl_positive` of its pair.

    Raises:
        TypeError: not real numbers.
        ValueError: wrong rank, empty, of different dim, not finite or not above zero in float32.
    """
    return _native.symmetric_kl_positive_matrix(_float32("a", a), _float32("b", b))


def _float32(name: str, values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Convert values to contiguous, aligned float32, with a copy only if necessary."""
    if type(values) is np.ndarray and values.dtype is _FLOAT32 and values.flags.carray:
        return values  # the checks below cost as much as a few divergences
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise ValueError(
            f"{name}: expected a vector or rows of equal length, got {error}"
        ) from error
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name}: expected real numbers, got dtype {array.dtype}")
    with np.errstate(over="ignore"):  # overflow gives inf, which the kernels refuse
        return np.require(array, np.float32, ("C_CONTIGUOUS", "ALIGNED"))
