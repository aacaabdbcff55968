"""Search the same voiceprints in a gallery, faiss and a vector database, with the same ranking.

    pip install faiss-cpu qdrant-client
    python examples/search_elsewhere.py                          # Qdrant inside this process
    python examples/search_elsewhere.py --url http://host:6333   # its server or cluster

The voiceprints are random numbers.
"""

from __future__ import annotations

import argparse

import faiss
import numpy as np
from qdrant_client import QdrantClient, models

from speakersdk import Gallery

NUM, DIM, K = 1000, 128, 5
COLLECTION = "speakersdk-example"


def main() -> int:
    """Enroll random embeddings, search three times, and return 0 if the rankings agree."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--url", help="address of a Qdrant server; without it Qdrant runs in this process"
    )
    url = parser.parse_args().url
    rng = np.random.default_rng(0)
    gallery = Gallery.from_embeddings(0.7 * rng.standard_normal((NUM, DIM)))
    probe = 0.7 * rng.standard_normal(DIM)
    rankings = {"gallery": [match.name for match in gallery.search(probe, K)]}

    export = gallery.export_mips()
    query = export.queries(probe[np.newaxis])

    index = faiss.IndexFlatIP(export.vectors.shape[1])
    index.add(export.vectors)
    rankings["faiss"] = [export.names[row] for row in index.search(query, K)[1][0]]

    client = QdrantClient(url=url) if url else QdrantClient(":memory:")
    client.create_collection(
        COLLECTION,
        vectors_config=models.VectorParams(
            size=export.vectors.shape[1], distance=models.Distance.DOT
        ),
    )
    client.upload_collection(
        COLLECTION,
        vectors=export.vectors,
        payload=[{"name": name} for name in export.names],
        ids=range(len(export.names)),
        wait=True,
    )
    points = client.query_points(
        COLLECTION,
        query=query[0].tolist(),
        limit=K,
        search_params=models.SearchParams(exact=True)
        if url
        else None,  # always exact in this process
    ).points
    rankings["Qdrant"] = [(point.payload or {})["name"] for point in points]
    client.delete_collection(COLLECTION)
    client.close()

    for where, names in rankings.items():
        print(f"{where:8} {' '.join(names)}")
    return 0 if len({tuple(names) for names in rankings.values()}) == 1 else 1


if __name__ == "__main__":
    raise SystemExit(main())
