"""Array types of the SDK, scaling of embeddings, and division into rows."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Waveform = npt.NDArray[np.float32]  # (num_samples,) mono, full scale is +-1
Embedding = npt.NDArray[np.float32]  # (dim,) logits of a softmax distribution
Embeddings = npt.NDArray[np.float32]  # (num, dim)
Scores = npt.NDArray[np.float64]  # higher for more similar voices

_Value = TypeVar("_Value", bound=np.generic)


def scaled(vector: npt.NDArray[Any], length: float) -> Embedding:
    """Scale a vector to a Euclidean length, as (D,) float32; a zero vector stays zero."""
    norm = float(np.linalg.norm(vector))
    embedding: Embedding = (vector * (length / norm if norm > 0 else 0.0)).astype(np.float32)
    return embedding


def whole_rows(values: npt.NDArray[_Value], size: int) -> npt.NDArray[_Value]:
    """Divide (n,) values into rows: (n // size, size), without an incomplete row at the end."""
    return values[: len(values) // size * size].reshape(-1, size)
