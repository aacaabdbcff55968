"""Exact searches of an exported gallery by other programs, to compare with its own search."""

from __future__ import annotations

from pathlib import Path

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
    """Return the names that Qdrant's client finds in this process; skip the test without it."""
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


def qdrant_engine_search(
    export: MipsExport, probes: np.ndarray, count: int, folder: Path, *, exact: bool
) -> tuple[Names, np.ndarray]:
    """Return the names and the scores that the engine of Qdrant's server finds in its HNSW index.

    The package runs the engine in this process, without the server around it.
    """
    engine = pytest.importorskip("qdrant_edge")
    size = export.vectors.shape[1]
    shard = engine.EdgeShard.create(
        str(folder),
        engine.EdgeConfig(
            vectors=engine.EdgeVectorParams(size=size, distance=engine.Distance.Dot),
            # Sizes in kB from which there is an index and it is used, 10,000 by default.
            hnsw_config=engine.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=1),
            optimizers=engine.EdgeOptimizersConfig(indexing_threshold=1),
        ),
    )
    points = [
        engine.Point(id=row, vector=vector.tolist(), payload={"name": name})
        for row, (name, vector) in enumerate(zip(export.names, export.vectors, strict=True))
    ]
    shard.update(engine.UpdateOperation.upsert_points(points))
    shard.optimize()
    if (num_indexed := shard.info().indexed_vectors_count) != len(points):
        raise RuntimeError(f"expected an index of {len(points)} vectors, got {num_indexed}")
    found = [
        shard.query(
            engine.QueryRequest(
                query=engine.Query.Nearest(query.tolist()),
                limit=count,
                with_payload=True,
                params=engine.SearchParams(exact=exact),
            )
        )
        for query in export.queries(probes)
    ]
    shard.close()
    names = [[point.payload["name"] for point in points] for points in found]
    products = np.array([[point.score for point in points] for points in found])
    return names, export.scores(probes, products)
