"""Names for the arrays that travel through the SDK."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Waveform = npt.NDArray[np.float32]  # (num_samples,) mono, full scale is +-1
Embedding = npt.NDArray[np.float32]  # (dim,) logits of a softmax distribution
Embeddings = npt.NDArray[np.float32]  # (num, dim)
Scores = npt.NDArray[np.float64]  # higher = more alike
