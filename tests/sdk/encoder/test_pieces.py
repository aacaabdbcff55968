"""Pieces of speech come from the pass that encodes the whole."""

from pathlib import Path

import numpy as np
import pytest

from speakersdk.audio.waveform import read_audio
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.encoder.load import load_encoder
from speakersdk.encoder.pieces import PIECE_S, PieceCollector

TEMPERATURE = 2.0


@pytest.fixture(scope="module")
def encoder(default_model: Path) -> SpeakerEncoder:
    return load_encoder(default_model)


@pytest.fixture(scope="module")
def speech(demo_clips: Path) -> np.ndarray:
    return np.concatenate([read_audio(path) for path in sorted(demo_clips.glob("slt-*.flac"))])


def unit(rng: np.random.Generator, dim: int = 4) -> np.ndarray:
    vector = rng.normal(size=dim)
    return (TEMPERATURE * vector / np.linalg.norm(vector)).astype(np.float32)


def test_pieces_have_all_the_speech_between_them(
    encoder: SpeakerEncoder, speech: np.ndarray
) -> None:
    encoding = encoder.encode(speech)
    pieces = encoding.pieces
    assert pieces is not None
    assert len(pieces) >= 3
    assert (pieces.speech_s >= PIECE_S).all()
    # Less than a piece may remain.
    left_s = encoding.speech_s - pieces.speech_s.sum()
    assert -1e-9 <= left_s < PIECE_S
    lengths = np.linalg.norm(pieces.embeddings, axis=1)
    np.testing.assert_allclose(lengths, encoder.manifest.temperature, rtol=1e-5)


def test_a_piece_is_the_embedding_of_its_speech(
    encoder: SpeakerEncoder, speech: np.ndarray
) -> None:
    """The first piece ends with a block of half a second, as a recording could."""
    pieces = encoder.encode(speech).pieces
    assert pieces is not None
    context = encoder.manifest.frontend.context_samples - 1
    ends = [number * 8000 + context for number in range(1, 12)]
    encodings = [encoder.encode(speech[:end]) for end in ends]
    first = next(encoding for encoding in encodings if encoding.speech_s >= PIECE_S)
    assert pieces.speech_s[0] == pytest.approx(first.speech_s)
    # The contract of docs/formats/model.md: blocks within 1e-4 of one pass.
    np.testing.assert_allclose(pieces.embeddings[0], first.embedding, atol=1e-4)


def test_a_long_recording_has_a_bounded_number_of_pieces(rng: np.random.Generator) -> None:
    collector = PieceCollector(4, TEMPERATURE)
    embeddings = [unit(rng) for _ in range(1100)]
    for embedding in embeddings:
        collector.add(embedding, 1.5)
    pieces = collector.pieces
    assert len(pieces) <= 512
    assert pieces.speech_s.sum() == pytest.approx(1100 * 1.5)
    assert collector.piece_s == 8 * PIECE_S  # joined at 512, 768 and 1024
    np.testing.assert_allclose(np.linalg.norm(pieces.embeddings, axis=1), TEMPERATURE, rtol=1e-5)


def test_two_neighbors_become_their_mean(rng: np.random.Generator) -> None:
    collector = PieceCollector(4, TEMPERATURE)
    embeddings = [unit(rng) for _ in range(512)]
    for number, embedding in enumerate(embeddings):
        collector.add(embedding, 1.0 + number % 2)
    pieces = collector.pieces
    assert len(pieces) == 256
    mean = embeddings[0] + 2 * embeddings[1]
    expected = TEMPERATURE * mean / np.linalg.norm(mean)
    np.testing.assert_allclose(pieces.embeddings[0], expected, rtol=1e-5)
    assert (pieces.speech_s == 3.0).all()
