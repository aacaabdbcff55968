"""Copies of recordings, with adopted models of any length T and of little training."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speakersdk import Verifier
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER
from speakersdk.errors import EnrollmentError
from speakersdk.voiceprint.copies import is_copy

pytestmark = pytest.mark.export
VOICES = ("awb", "kal16", "rms", "slt")
LENGTHS = (0.5, 2.0)  # at larger T, these 8 numbers are no longer nearly uniform probabilities


@pytest.fixture(params=LENGTHS)
def weak(request: Any, adopt: Callable[..., Path]) -> Verifier:
    """A verifier with a network of random weights."""
    return Verifier(model=adopt(temperature=request.param))


def test_a_weak_model_enrolls_different_recordings_and_refuses_the_same_one(
    weak: Verifier,
) -> None:
    # All its embeddings are close together. A bound in cosine distance that holds for trained
    # encoders, 0.025, takes most of these voices for copies.
    recordings = [FOLDER / f"{voice}-enroll-2.flac" for voice in VOICES]
    embeddings = [weak.embed(path) for path in recordings]
    cosines = [
        float(a @ b) / float(np.linalg.norm(a) * np.linalg.norm(b))
        for a, b in combinations(embeddings, 2)
    ]
    assert np.median(cosines) > 1 - 0.025
    assert not any(is_copy(a, b) for a, b in combinations(embeddings, 2))
    for voice in VOICES:
        clips = [FOLDER / f"{voice}-enroll-{part}.flac" for part in (1, 2)]
        voiceprint = weak.enroll(clips, name=voice)
        assert len(voiceprint.exemplars) == len(clips)
    samples = read_audio(recordings[0])
    shifted = weak.embed(samples[160:] * np.float32(0.5), sample_rate_hz=SAMPLE_RATE_HZ)
    assert is_copy(embeddings[0], shifted)
    with pytest.raises(EnrollmentError, match="expected different recordings"):
        weak.enroll([recordings[0], recordings[0]], name="awb")
