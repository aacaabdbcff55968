"""Pieces of a recording: successive embeddings of about half a second of speech each.

The pass that encodes a recording also makes the pieces. They show whether the recording has one
voice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embedding, Embeddings, scaled

# Net speech of a piece. A longer piece can contain the end of one turn and the start of the next.
# Many pieces are compared together.
PIECE_S: Final = 0.3
# Above this number neighbors are merged, because comparisons grow with its square.
_MOST_PIECES: Final = 512


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The pieces of one recording.

    Attributes:
        embeddings: (N, D) float32, each of length T.
        speech_s: (N,) float64, net speech of each piece in seconds.
    """

    embeddings: Embeddings
    speech_s: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.embeddings)


class PieceCollector:
    """A collector of the pieces of a recording of any length, in bounded memory."""

    def __init__(self, embedding_dim: int, temperature: float) -> None:
        self._embedding_dim = embedding_dim
        self._temperature = temperature
        self._embeddings: list[Embedding] = []
        self._speech_s: list[float] = []
        self._piece_s = PIECE_S

    @property
    def piece_s(self) -> float:
        """Net speech of a piece in seconds."""
        return self._piece_s

    @property
    def pieces(self) -> Pieces:
        """The collected pieces."""
        embeddings = np.array(self._embeddings, np.float32).reshape(-1, self._embedding_dim)
        return Pieces(embeddings, np.array(self._speech_s))

    def add(self, embedding: Embedding, speech_s: float) -> None:
        """Add a piece: a (D,) float32 embedding of length T and its net speech in seconds."""
        self._embeddings.append(embedding.copy())
        self._speech_s.append(speech_s)
        if len(self._embeddings) == _MOST_PIECES:
            self._join_neighbors()

    def _join_neighbors(self) -> None:
        pieces = self.pieces
        speech_s = pieces.speech_s.reshape(-1, 2)
        weighed = pieces.embeddings * pieces.speech_s[:, np.newaxis]
        sums = weighed.reshape(len(speech_s), 2, -1).sum(axis=1)
        self._embeddings = [scaled(total, self._temperature) for total in sums]
        self._speech_s = speech_s.sum(axis=1).tolist()
        self._piece_s *= 2
