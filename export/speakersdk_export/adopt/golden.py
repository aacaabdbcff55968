"""Golden vectors: embeddings by the original code, which an adopted model must reproduce."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.audio.waveform import read_audio
from speakersdk.encoder.graph import EMBEDDING, SAMPLES
from speakersdk.errors import ConfigError
from speakersdk.runtime.session import OnnxSession
from speakersdk_export.errors import ParityError

# A correct front end gives 1 - 1e-6 or more. The smallest error that was measured, Hamming for
# Povey windows, gives .964 to .993 (docs/adoption.md).
GOLDEN_COSINE: Final = 0.9999


@dataclass(frozen=True, slots=True)
class Golden:
    """A recording and its embedding by the original code.

    Attributes:
        recording: audio file at 16 kHz, in any format.
        vector: .npy file of (D,) or (1, D) numbers.
    """

    recording: Path
    vector: Path

    def embedding(self, size: int) -> npt.NDArray[np.float64]:
        """Return the (D,) embedding.

        Raises:
            ConfigError: the file contains something else.
        """
        try:
            vector: npt.NDArray[np.float64] = (
                np.load(self.vector, allow_pickle=False).astype(np.float64).reshape(-1)
            )
        except (OSError, ValueError, EOFError, TypeError) as error:
            raise ConfigError(
                f"{self.vector}: expected a .npy file with the embedding that the original code "
                f"gave, got something else ({error})"
            ) from error
        if vector.shape != (size,) or not np.isfinite(vector).all() or not vector.any():
            raise ConfigError(
                f"{self.vector}: expected {size} finite numbers, got {vector.size}; is it the "
                "embedding of another model?"
            )
        return vector


def golden_cosine(session: OnnxSession, golden: Golden, size: int) -> float:
    """Return the cosine of an adopted model's embedding to that of the original code.

    Raises:
        AudioError: the recording cannot be read.
        ConfigError: the vector cannot be used.
        ParityError: the cosine is below `GOLDEN_COSINE`.
    """
    expected = golden.embedding(size)
    samples = read_audio(golden.recording)
    computed = session.run_any_shape({SAMPLES: samples[np.newaxis]})[EMBEDDING][0].astype(float)
    cosine = float(computed @ expected / (np.linalg.norm(computed) * np.linalg.norm(expected)))
    if not cosine >= GOLDEN_COSINE:
        raise ParityError(
            f"golden vector of {golden.recording.name}",
            expected=f"a cosine of at least {GOLDEN_COSINE} to the original's embedding",
            got=f"{cosine:.4f} (another family, another recording, or another model)",
        )
    return cosine
