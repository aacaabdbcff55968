"""Array types of the SDK, and scaling of embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Waveform = npt.NDArray[np.float32]  # (num_samples,) mono, full scale is +-1
Embedding = npt.NDArray[np.float32]  # (dim,) logits of a softmax distribution
Embeddings = npt.NDArray[np.float32]  # (num, dim)
Scores = npt.NDArray[np.float64]  # higher = more alike


def scaled(vector: npt.NDArray[Any], length: float) -> Embedding:
    """(D,) float32: a vector scaled to a Euclidean length; zeros, which have none, stay zeros."""
    norm = float(np.linalg.norm(vector))
    embedding: Embedding = (vector * (length / norm if norm > 0 else 0.0)).astype(np.float32)
    return embedding
