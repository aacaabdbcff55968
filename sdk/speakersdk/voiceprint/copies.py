"""Detection of copies: embeddings of the same audio, and recordings that a voiceprint contains."""

from __future__ import annotations

from typing import Final

import numpy as np

from speakersdk.arrays import Embedding
from speakersdk.scoring import symmetric_kl
from speakersdk.voiceprint.voiceprint import Voiceprint

# Maximum cosine distance of two embeddings of the same audio. Embeddings with fewer numbers than
# this are closer to each other, and their bound is smaller in proportion.
_COPY_DISTANCE: Final = 0.025
_LEAST_DIM: Final = 256
# Maximum divergence in nats. Beyond it, weak models with long embeddings take other recordings for
# copies, and then enroll nobody.
_COPY_DIVERGENCE: Final = 0.00078


def is_copy(a: Embedding, b: Embedding) -> bool:
    """Return whether two embeddings are of the same audio, at any level and from any codec.

    Use it for voiceprints, which contain no audio. Recordings can be compared more reliably.
    """
    divergence = symmetric_kl(a, b)
    # Hardly any pair needs the lengths, which take longer than the divergence.
    return divergence <= _COPY_DIVERGENCE and divergence <= copy_divergence(a, b)


def is_known(embedding: Embedding, voiceprint: Voiceprint) -> bool:
    """Return whether the recording of an embedding is part of a voiceprint, or was added to it."""
    return any(is_copy(embedding, row) for row in (*voiceprint.exemplars, *voiceprint.adapted))


def copy_divergence(a: Embedding, b: Embedding) -> float:
    """Return the maximum divergence of copies in nats, for embeddings (D,) of any length T.

    Near 0, J is 2 T^2 (1 - cosine) / D, if T^2 is below D. The bound grows with T in the same way
    up to that of the bundled model (T = 2, D = 256).
    """
    lengths = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
    scaled = _COPY_DISTANCE * 2.0 * lengths / max(_LEAST_DIM, len(a))
    return min(scaled, _COPY_DIVERGENCE)
