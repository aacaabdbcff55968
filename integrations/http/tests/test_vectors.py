"""One speaker among thousands, found by a vector database: pgvector on a real PostgreSQL server."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from running_database import Database, Postgres
from running_server import CLIPS

from speakersdk import Gallery, Verdict, Verifier, Voiceprint

psycopg = pytest.importorskip("psycopg")
postgres = pytest.importorskip("speakersdk_http.postgres")

STRANGERS = 2000
CANDIDATES = 20
VOICES = ("awb", "kal16", "rms", "slt")
SEARCH = (
    "SELECT name, -(stored <#> %s::vector) FROM speakersdk_vectors ORDER BY stored <#> %s::vector "
    f"LIMIT {CANDIDATES}"
)


@pytest.fixture(scope="module")
def vectors() -> Iterator[Database]:
    """A running PostgreSQL server that has pgvector."""
    found = find_spec("pgserver")
    if found is None or not found.submodule_search_locations:
        if os.environ.get("SPEAKERSDK_REQUIRE_DATABASES"):
            pytest.fail("expected PostgreSQL with pgvector; run: pip install pgserver")
        pytest.skip("PostgreSQL with pgvector is not installed")
    package = Path(found.submodule_search_locations[0])
    with tempfile.TemporaryDirectory(prefix="spkpv-") as scratch:
        folder = Path(scratch)
        # A copy, because the server's user may not read the environment of the tests. The libraries
        # of the wheel are next to its package.
        for part in (package, package.with_name("pgserver.libs")):
            if part.is_dir():
                shutil.copytree(part, folder / part.name)
        folder.chmod(0o755)
        server = Postgres(folder / package.name / "pginstall" / "bin", folder)
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier()


@pytest.fixture(scope="module")
def enrolled(verifier: Verifier) -> list[Voiceprint]:
    return [
        verifier.enroll(sorted(CLIPS.glob(f"{voice}-enroll-*.flac")), name=voice)
        for voice in VOICES
    ]


@pytest.fixture(scope="module")
def gallery(verifier: Verifier, enrolled: list[Voiceprint]) -> Gallery:
    """The enrolled voices among strangers whose embeddings are around theirs."""
    rng = np.random.default_rng(5)
    voices = np.stack([voiceprint.embedding for voiceprint in enrolled])
    mixed = rng.dirichlet(np.ones(len(voices)), STRANGERS) @ voices
    mixed += 0.7 * mixed.std() * rng.standard_normal(mixed.shape)
    mixed *= verifier.manifest.temperature / np.linalg.norm(mixed, axis=1, keepdims=True)
    strangers = [f"stranger-{number}" for number in range(STRANGERS)]
    return Gallery.from_embeddings(np.concatenate([voices, mixed]), names=[*VOICES, *strangers])


def as_text(vector: np.ndarray) -> str:
    """Return a vector in the format of pgvector."""
    return str(vector.tolist())


@pytest.fixture(scope="module")
def filled(vectors: Database, gallery: Gallery, enrolled: list[Voiceprint]) -> Database:
    """The server with a row for everybody, and the voiceprints of the enrolled speakers."""
    export = gallery.export_mips()
    with psycopg.connect(vectors.address) as database, database.cursor() as cursor:
        cursor.execute("CREATE EXTENSION vector")
        cursor.execute(
            "CREATE TABLE speakersdk_vectors (name text PRIMARY KEY, "
            f"stored vector({export.vectors.shape[1]}) NOT NULL)"
        )
        with cursor.copy("COPY speakersdk_vectors FROM STDIN") as copy:
            for name, vector in zip(export.names, export.vectors, strict=True):
                copy.write_row((name, as_text(vector)))
    storage = postgres.PostgresStorage(vectors.address, key=None, connections=1)
    for voiceprint in enrolled:
        storage.save(voiceprint, replace=False)
    storage.close()
    return vectors


def found(address: str, query: np.ndarray) -> list[tuple[str, float]]:
    """Return the candidates that a stateless worker gets from the database."""
    with psycopg.connect(address) as database:
        text = as_text(query)
        return database.execute(SEARCH, (text, text)).fetchall()


def test_the_database_ranks_as_a_gallery_does(
    filled: Database, gallery: Gallery, verifier: Verifier
) -> None:
    export = gallery.export_mips()
    for voice in VOICES:
        probe = verifier.embed(CLIPS / f"{voice}-probe.flac")
        rows = found(filled.address, export.queries(probe[np.newaxis])[0])
        matches = gallery.search(probe, CANDIDATES)
        assert [name for name, _ in rows] == [match.name for match in matches]
        assert rows[0][0] == voice
        scores = export.scores(probe[np.newaxis], [[product for _, product in rows]])[0]
        # pgvector sums float32 products; `scores` promises about 1e-6 for that.
        assert scores == pytest.approx([match.score for match in matches], abs=5e-6)


def test_workers_without_state_decide_about_the_candidates(
    filled: Database, gallery: Gallery, verifier: Verifier
) -> None:
    with psycopg.connect(filled.address) as database:
        database.execute(
            "CREATE INDEX ON speakersdk_vectors USING hnsw (stored vector_ip_ops)"
        )  # an approximate search may miss a candidate, but makes no decision
    export = gallery.export_mips()
    for voice, verdict in (("slt", Verdict.ACCEPT), ("rms", Verdict.ACCEPT)):
        probe = CLIPS / f"{voice}-probe.flac"
        query = export.queries(verifier.embed(probe)[np.newaxis])[0]
        names = [name for name, _ in found(filled.address, query)]
        storage = postgres.PostgresStorage(filled.address, key=None, connections=1)
        candidates = [storage.load(name) for name in names if name in VOICES]
        storage.close()
        identification = verifier.identify(candidates, probe)
        assert identification.decision.verdict is verdict
        assert identification.speaker == voice
