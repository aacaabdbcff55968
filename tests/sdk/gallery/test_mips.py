from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from speakersdk.gallery.gallery import Gallery
from speakersdk.gallery.mips import MipsExport, mips_vectors
from speakersdk.scoring import symmetric_kl_matrix
from tests.sdk.gallery.vector_search import (
    faiss_search,
    qdrant_engine_search,
    qdrant_search,
    rankings,
    scores,
)

NUM, DIM, K = 400, 48, 10


@pytest.fixture(name="voices")
def fixture_voices(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Embeddings of length 4, as from a model with T = 4."""
    rows = rng.standard_normal((NUM, DIM))
    return (4 * rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(name="probes")
def fixture_probes(
    voices: npt.NDArray[np.float32], rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Three probes near an entry, and three not near any."""
    near = voices[:3] + 0.2 * rng.standard_normal((3, DIM))
    return np.vstack([near, rng.standard_normal((3, DIM)) / 2]).astype(np.float32)


def test_inner_products_are_the_scores(voices: Any, probes: Any) -> None:
    export = Gallery.from_embeddings(voices).export_mips()
    assert export.vectors.shape == (NUM, 2 * DIM + 2)
    assert export.vectors.dtype == np.float32
    products = export.queries(probes).astype(np.float64) @ export.vectors.T.astype(np.float64)
    # Vectors and queries are rounded to float32: 2 (2 D + 2) products of at most 10.
    tolerance = 2 * (2 * DIM + 2) * 10 * 2.0**-24 / DIM
    expected = -symmetric_kl_matrix(probes, voices)
    assert np.abs(export.scores(probes, products) - expected).max() < tolerance


def test_faiss_has_the_same_ranking(voices: Any, probes: Any) -> None:
    gallery = Gallery.from_embeddings(voices)
    names, found = faiss_search(gallery.export_mips(), probes, K)
    assert names == rankings(gallery, probes, K)
    assert np.allclose(found, scores(gallery, probes, K), rtol=1e-4, atol=1e-6)


def test_a_vector_database_has_the_same_ranking(voices: Any, probes: Any) -> None:
    gallery = Gallery.from_embeddings(voices)
    gallery.remove("17")
    assert qdrant_search(gallery.export_mips(), probes, K) == rankings(gallery, probes, K)


def test_the_engine_of_a_vector_database_has_the_same_ranking(
    voices: Any, probes: Any, tmp_path: Path
) -> None:
    gallery = Gallery.from_embeddings(voices)
    gallery.remove("17")
    export = gallery.export_mips()
    names, found = qdrant_engine_search(export, probes, K, tmp_path, exact=True)
    assert names == rankings(gallery, probes, K)
    assert np.allclose(found, scores(gallery, probes, K), rtol=1e-4, atol=1e-6)


def test_stored_vectors_have_the_same_length(voices: Any) -> None:
    gallery = Gallery.from_embeddings(voices)
    lengths = np.linalg.norm(gallery.export_mips().vectors.astype(np.float64), axis=1)
    assert np.allclose(lengths, 32, rtol=1e-6)


def test_an_approximate_index_finds_nearly_all(rng: np.random.Generator, tmp_path: Path) -> None:
    rows = rng.standard_normal((4000, DIM))
    voices = 4 * rows / np.linalg.norm(rows, axis=1, keepdims=True)
    probes = voices[:50] + 0.2 * rng.standard_normal((50, DIM))
    gallery = Gallery.from_embeddings(voices)
    names, _ = qdrant_engine_search(gallery.export_mips(), probes, K, tmp_path, exact=False)
    best = rankings(gallery, probes, K)
    found = sum(each[0] in those for those, each in zip(names, best, strict=True))
    assert found >= 48  # of 50
    shared = sum(len(set(a) & set(b)) for a, b in zip(names, best, strict=True))
    assert shared >= 0.9 * K * len(probes)


def test_an_empty_gallery_gives_no_vectors() -> None:
    export = Gallery(5).export_mips()
    assert export.vectors.shape == (0, 12)
    assert export.names == ()
    assert export.dim == 5


@pytest.mark.parametrize("probes", [np.ones(4), np.ones((1, 3)), np.full((1, 4), np.nan)])
def test_probes_are_checked(probes: Any) -> None:
    export = MipsExport(names=("a",), vectors=mips_vectors(np.ones((1, 4), np.float32)))
    with pytest.raises(ValueError, match=r"^probes: expected finite rows of 4 values"):
        export.queries(probes)
