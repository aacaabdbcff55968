"""Galleries of an adopted model, searched in FAISS and in a vector database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speakersdk import Gallery, Verifier
from speakersdk.demo_clips import FOLDER
from speakersdk_export.adopt.adoption import Description, adopt_model

pytestmark = pytest.mark.export
PROBES = sorted(FOLDER.glob("*-probe.flac"))


@pytest.fixture
def verifier(publish: Any, tmp_path: Path) -> Verifier:
    output = tmp_path / "adopted.onnx"
    adopt_model(
        publish(),
        output,
        family="3d-speaker",
        description=Description(name="mini"),
        golden=None,
        trials=None,
    )
    return Verifier(model=output)


@pytest.fixture
def gallery(verifier: Verifier) -> Gallery:
    clips = sorted(FOLDER.glob("*-enroll-*.flac"))
    return Gallery.from_voiceprints([verifier.enroll([clip], name=clip.stem) for clip in clips])


@pytest.fixture
def probes(verifier: Verifier) -> np.ndarray:
    return np.stack([verifier.embed(path) for path in PROBES])


def rankings(gallery: Gallery, probes: np.ndarray) -> list[list[str]]:
    return [[match.name for match in found] for found in gallery.search_many(probes, len(gallery))]


def test_faiss_ranks_alike(gallery: Gallery, probes: np.ndarray) -> None:
    faiss = pytest.importorskip("faiss")
    export = gallery.export_mips()
    index = faiss.IndexFlatIP(export.vectors.shape[1])
    index.add(export.vectors)
    products, rows = index.search(export.queries(probes), len(gallery))
    assert [[export.names[row] for row in found] for found in rows] == rankings(gallery, probes)
    exact = [
        [match.score for match in found] for found in gallery.search_many(probes, len(gallery))
    ]
    # Float32 products of size 10 at most, over D = 8.
    np.testing.assert_allclose(export.scores(probes, products), exact, rtol=1e-4, atol=1e-5)


def test_a_vector_database_ranks_alike(gallery: Gallery, probes: np.ndarray) -> None:
    qdrant = pytest.importorskip("qdrant_client")
    models = qdrant.models
    export = gallery.export_mips()
    client = qdrant.QdrantClient(":memory:")
    size = export.vectors.shape[1]
    client.create_collection(
        "voices",
        vectors_config=models.VectorParams(size=size, distance=models.Distance.DOT),
    )
    client.upload_collection(
        "voices",
        vectors=export.vectors,
        payload=[{"name": name} for name in export.names],
        ids=range(len(export.names)),
    )
    found = [
        client.query_points("voices", query=query.tolist(), limit=len(gallery)).points
        for query in export.queries(probes)
    ]
    client.close()
    names = [[(point.payload or {})["name"] for point in points] for points in found]
    assert names == rankings(gallery, probes)
