"""Audio of trial segments: pieces of decoded files joined to fixed lengths, as batches."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from speakersdk.arrays import Waveform
from speakersdk.audio import read_audio
from speakersdk.trials import Segment


def read_segment_audio(segments: Iterable[Segment], root: Path) -> dict[str, Waveform]:
    """Samples of every segment, each file decoded once.

    Returns:
        name -> (n,) float32 at 16 kHz; a last piece that decodes short is left short.
    """
    listed = list(segments)
    paths = sorted({piece.path for segment in listed for piece in segment.pieces})
    joined: dict[str, list[Waveform | None]] = {
        segment.name: [None] * len(segment.pieces) for segment in listed
    }
    for path in paths:
        samples = read_audio(root / path)
        for segment in listed:
            for index, piece in enumerate(segment.pieces):
                if piece.path == path:
                    stop = piece.start + piece.num_samples
                    joined[segment.name][index] = samples[piece.start : stop]
    return {
        name: np.concatenate([piece for piece in pieces if piece is not None])
        for name, pieces in joined.items()
    }
