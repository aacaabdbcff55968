"""Galleries of an adopted model, searched in FAISS and in a vector database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from speakersdk import Gallery, Verifier
from speakersdk.demo_clips import FOLDER
from tests.sdk.gallery.vector_search import faiss_search, qdrant_search, rankings, scores

pytestmark = pytest.mark.export
PROBES = sorted(FOLDER.glob("*-probe.flac"))


@pytest.fixture
def verifier(adopt: Callable[..., Path]) -> Verifier:
    return Verifier(model=adopt())


@pytest.fixture
def gallery(verifier: Verifier) -> Gallery:
    clips = sorted(FOLDER.glob("*-enroll-*.flac"))
    return Gallery.from_voiceprints([verifier.enroll([clip], name=clip.stem) for clip in clips])


@pytest.fixture
def probes(verifier: Verifier) -> np.ndarray:
    return np.stack([verifier.embed(path) for path in PROBES])


def test_faiss_has_the_same_ranking(gallery: Gallery, probes: np.ndarray) -> None:
    names, found = faiss_search(gallery.export_mips(), probes, len(gallery))
    assert names == rankings(gallery, probes, len(gallery))
    # Float32 products of at most 10, over D = 8.
    exact = scores(gallery, probes, len(gallery))
    np.testing.assert_allclose(found, exact, rtol=1e-4, atol=1e-5)


def test_a_vector_database_has_the_same_ranking(gallery: Gallery, probes: np.ndarray) -> None:
    found = qdrant_search(gallery.export_mips(), probes, len(gallery))
    assert found == rankings(gallery, probes, len(gallery))
