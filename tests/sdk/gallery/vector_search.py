"""Exact searches of an exported gallery by other programs, to compare with its own search."""

from __future__ import annotations

import numpy as np
import pytest

from speakersdk import Gallery
from speakersdk.gallery.mips import MipsExport

Names = list[list[str]]


def rankings(gallery: Gallery, probes: np.ndarray, count: int) -> Names:
    """Return the names that the gallery finds for each probe, best first."""
    return [[match.name for match in found] for found in gallery.search_many(probes, count)]


def scores(gallery: Gallery, probes: np.ndarray, count: int) -> list[list[float]]:
    """Return the scores that the gallery finds for each probe, best first."""
    return [[match.score for match in found] for found in gallery.search_many(probes, count)]


def faiss_search(export: MipsExport, probes: np.ndarray, count: int) -> tuple[Names, np.ndarray]:
    """Return the names and the scores that FAISS finds; skip the test without it."""
    faiss = pytest.importorskip("faiss")
    index = faiss.IndexFlatIP(export.vectors.shape[1])
    index.add(export.vectors)
    products, rows = index.search(export.queries(probes), count)
    names = [[export.names[row] for row in found] for found in rows]
    return names, export.scores(probes, products)


def qdrant_search(export: MipsExport, probes: np.ndarray, count: int) -> Names:
    """Return the names that Qdrant finds; skip the test without its client."""
    qdrant = pytest.importorskip("qdrant_client")
    models = qdrant.models
    client = qdrant.QdrantClient(":memory:")  # a server: QdrantClient(url="http://host:6333")
    client.create_collection(
        "voices",
        vectors_config=models.VectorParams(
            size=export.vectors.shape[1], distance=models.Distance.DOT
        ),
    )
    client.upload_collection(
        "voices",
        vectors=export.vectors,
        payload=[{"name": name} for name in export.names],
        ids=range(len(export.names)),
    )
    found = [
        client.query_points("voices", query=query.tolist(), limit=count).points
        for query in export.queries(probes)
    ]
    client.close()
    return [[(point.payload or {})["name"] for point in points] for points in found]
