"""Embeddings of the same audio."""

import numpy as np
import pytest

from speakersdk.arrays import Embedding, Waveform, scaled
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.copies import is_copy, is_known


@pytest.fixture(scope="module")
def clips() -> list[Waveform]:
    return [read_audio(path) for path in sorted(FOLDER.glob("slt-*"))]


def test_embeddings_of_other_recordings_are_not_copies(
    verifier: Verifier, clips: list[Waveform]
) -> None:
    embeddings = [verifier.embed(clip, sample_rate_hz=SAMPLE_RATE_HZ) for clip in clips]
    for number, a in enumerate(embeddings):
        assert [is_copy(a, b) for b in embeddings] == [at == number for at in range(len(clips))]


@pytest.mark.parametrize("length", [0.5, 2.0, 8.0])
def test_copies_are_found_at_any_length_of_embeddings(
    verifier: Verifier, clips: list[Waveform], length: float
) -> None:
    def embed(samples: Waveform) -> Embedding:
        return scaled(verifier.embed(samples, sample_rate_hz=SAMPLE_RATE_HZ), length)

    original = embed(clips[0])
    assert is_copy(original, embed(clips[0][160:] * np.float32(0.5)))
    assert not any(is_copy(original, embed(clip)) for clip in clips[1:])


def test_a_voiceprint_knows_its_recordings(verifier: Verifier, clips: list[Waveform]) -> None:
    voiceprint = verifier.enroll(clips[:1], name="slt", sample_rate_hz=SAMPLE_RATE_HZ)
    known = [
        is_known(verifier.embed(clip, sample_rate_hz=SAMPLE_RATE_HZ), voiceprint) for clip in clips
    ]
    assert known == [True] + [False] * (len(clips) - 1)
