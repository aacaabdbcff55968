"""Servers and clips for the tests of the HTTP service."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import httpx
import pytest
from running_database import Database, Postgres, RedisServer, programs
from running_server import CLIPS, DEADLINE_S, Server, started

Start = Callable[..., Server]


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start servers, each with its options; they end with the tests."""
    servers: list[Server] = []

    def start_one(*options: str, folder: Path | None = None) -> Server:
        folder = tmp_path_factory.mktemp("voiceprints") if folder is None else folder
        servers.append(started(*options, folder=folder))
        return servers[-1]

    yield start_one
    for server in servers:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="session")
def server(start: Start) -> Server:
    """A server without keys and limits, in which slt is enrolled."""
    server = start()
    with httpx.Client(base_url=server.url, timeout=DEADLINE_S) as client:
        answer = client.post(
            "/v1/voice/register",
            data={"name": "slt"},
            files=[
                ("audio", (name, (CLIPS / name).read_bytes()))
                for name in ("slt-enroll-1.flac", "slt-enroll-2.flac")
            ],
        )
    assert answer.status_code == 200, answer.text
    return server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """A client of `server`."""
    with httpx.Client(base_url=server.url, timeout=DEADLINE_S) as client:
        yield client


@pytest.fixture(scope="session")
def clip() -> Callable[[str], bytes]:
    """Return the bytes of a demonstration clip."""
    return lambda name: (CLIPS / f"{name}.flac").read_bytes()


def missing(server: str, package: str) -> NoReturn:
    """Skip the test because there is no server, or fail where a server is required."""
    if os.environ.get("SPEAKERSDK_REQUIRE_DATABASES"):
        pytest.fail(f"expected {server}; run: sudo apt-get install {package}")
    pytest.skip(f"{server} is not installed")


@pytest.fixture(scope="module", params=["postgres", "redis"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A running server of each kind."""
    # Not the folder of pytest: paths of sockets have at most 107 bytes, and another user must have
    # access.
    with tempfile.TemporaryDirectory(prefix="spkdb-") as scratch:
        server: Database
        if request.param == "postgres":
            folder = programs() or missing("PostgreSQL", "postgresql")
            server = Postgres(folder, Path(scratch))
        else:
            program = shutil.which("redis-server") or shutil.which("valkey-server")
            server = RedisServer(program or missing("Redis", "redis-server"), Path(scratch))
        server.start()
        yield server
        server.stop()
