"""Segments are joined from their pieces in order, each from its own file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from speakersdk.errors import UnreadableAudioError
from speakersdk.evaluation.segments import Piece, Segment
from speakersdk_training.evaluation.trial_audio import read_segment_audio


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, first in (("a", 0), ("b", 10_000)):
        sf.write(tmp_path / f"{name}.wav", np.arange(first, first + 500, dtype=np.int16), 16000)
    return tmp_path


def segment(name: str, *pieces: tuple[str, int, int]) -> Segment:
    return Segment(name, "c/1", tuple(Piece(*piece) for piece in pieces))


def test_pieces_are_joined_in_order(root: Path) -> None:
    audio = read_segment_audio(
        [
            segment("mixed", ("b.wav", 5, 2), ("a.wav", 100, 3), ("b.wav", 0, 1)),
            segment("plain", ("a.wav", 0, 500)),
            segment("short", ("a.wav", 498, 10)),
        ],
        root,
    )
    values = {name: (samples * 32768).tolist() for name, samples in audio.items()}
    assert values["mixed"] == [10_005, 10_006, 100, 101, 102, 10_000]
    assert values["plain"] == list(range(500))
    assert values["short"] == [498, 499]  # a last piece that is decoded short stays short
    assert all(samples.dtype == np.float32 for samples in audio.values())


def test_a_segment_does_not_keep_its_file_in_memory(root: Path) -> None:
    (samples,) = read_segment_audio([segment("s", ("a.wav", 0, 9))], root).values()
    assert samples.base is None


def test_a_missing_file_is_named(root: Path) -> None:
    with pytest.raises(UnreadableAudioError, match=r"none\.wav"):
        read_segment_audio([segment("s", ("none.wav", 0, 1))], root)
