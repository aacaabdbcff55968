"""The audio of trial segments: pieces of decoded files joined to fixed lengths."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from speakersdk.arrays import Waveform
from speakersdk.audio.waveform import read_audio
from speakersdk.evaluation.segments import Piece, Segment


def read_segment_audio(
    segments: Iterable[Segment], root: Path, *, num_workers: int | None = None
) -> dict[str, Waveform]:
    """Read the samples of every segment, and decode each file once.

    Args:
        segments: segments whose pieces are read.
        root: base folder of the pieces' paths.
        num_workers: number of files decoded at the same time; None means the executor's default.

    Returns:
        (n,) float32 at 16 kHz by name; shorter if the last piece decodes to fewer samples.
    """
    listed = list(segments)
    by_path: dict[str, set[Piece]] = {}
    for segment in listed:
        for piece in segment.pieces:
            by_path.setdefault(piece.path, set()).add(piece)

    def cut(path: str) -> dict[Piece, Waveform]:
        samples = read_audio(root / path)
        return {piece: piece.cut(samples).copy() for piece in by_path[path]}

    decoded: dict[Piece, Waveform] = {}
    with ThreadPoolExecutor(num_workers) as pool:
        for pieces in pool.map(cut, sorted(by_path)):
            decoded.update(pieces)
    return {
        segment.name: np.concatenate([decoded[piece] for piece in segment.pieces])
        for segment in listed
    }
