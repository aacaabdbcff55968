"""Services of several machines on one real PostgreSQL server, which the tests start."""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from running_server import CLIPS, DEADLINE_S, Server

from speakersdk import (
    DuplicateSpeakerError,
    SealingKey,
    UnknownSpeakerError,
    Verifier,
    Voiceprint,
)
from speakersdk.cli import main

postgres = pytest.importorskip("speakersdk_http.postgres")
Clip = Callable[[str], bytes]
Start = Callable[..., Server]


def programs() -> Path | None:
    """The folder of PostgreSQL's programs: Debian keeps them out of PATH."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


class Database:
    """A PostgreSQL server that listens on a socket in a folder of its own."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        # The server refuses to run as root; Debian's package brings a user for it.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(folder, self._user)
        self.address = f"postgresql:///postgres?host={folder}&user=owner"
        self._run("initdb", "--username=owner", "--auth=trust", "--no-sync")

    def start(self) -> None:
        """Start, and wait until connections are accepted."""
        options = f"-c listen_addresses='' -c fsync=off -k {self._folder}"
        log = str(self._folder / "log")
        self._run("pg_ctl", "start", "--wait", "--log", log, "--options", options)

    def stop(self) -> None:
        """Stop, and break all connections."""
        self._run("pg_ctl", "stop", "--wait", "--mode=immediate")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), f"--pgdata={self._folder}/data", *arguments]
        done = subprocess.run(
            command,
            user=self._user,
            cwd=self._folder,
            # A pipe would stay open in the server.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, f"{program} ended with status {done.returncode}"


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """A running server."""
    folder = programs()
    if folder is None:
        if os.environ.get("SPEAKERSDK_REQUIRE_POSTGRES"):
            pytest.fail("expected PostgreSQL; run: sudo apt-get install postgresql")
        pytest.skip("PostgreSQL is not installed")
    # Not pytest's folder: paths of sockets have at most 107 bytes, and another user must reach it.
    with tempfile.TemporaryDirectory(prefix="spkpg-") as scratch:
        server = Database(folder, Path(scratch))
        server.start()
        yield server
        server.stop()


Shelf = Callable[..., "postgres.PostgresShelf"]


@pytest.fixture
def shelf(database: Database) -> Iterator[Shelf]:
    """Makes connections to the emptied database."""
    shelves = []

    def made(key: SealingKey | None = None) -> "postgres.PostgresShelf":
        shelves.append(postgres.PostgresShelf(database.address, key=key, connections=4))
        return shelves[-1]

    for voiceprint in made().everybody()[0]:
        shelves[0].remove(voiceprint.name)
    yield made
    for each in shelves:
        each.close()


@pytest.fixture(scope="module")
def slt() -> Voiceprint:
    """An enrolled speaker."""
    return Verifier().enroll([CLIPS / "slt-enroll-1.flac"], name="slt")


def test_services_share_the_voiceprints(
    start: Start, shelf: Shelf, database: Database, clip: Clip
) -> None:
    shelf()  # empty
    first, second = (start("--database", database.address) for _ in range(2))
    files = [("audio", (name, clip(name))) for name in ("slt-enroll-1", "slt-enroll-2")]
    registered = httpx.post(
        f"{first.url}/v1/voice/register", data={"name": "slt"}, files=files, timeout=DEADLINE_S
    )
    assert registered.status_code == 200, registered.text
    for voice, speaker in (("slt", "slt"), ("rms", None)):
        files = {"audio": clip(f"{voice}-probe")}
        found = httpx.post(f"{second.url}/v1/voice/identify", files=files, timeout=DEADLINE_S)
        assert found.json()["speaker"] == speaker
    assert list(first.folder.iterdir()) == []  # nothing lies on the machine itself
    gone = httpx.post(f"{second.url}/v1/voice/forget", json={"id": "slt"}, timeout=DEADLINE_S)
    assert gone.status_code == 204
    assert httpx.get(f"{first.url}/v1/voice/voices", timeout=DEADLINE_S).json()["voices"] == []


def test_a_database_that_is_gone_is_an_answer_and_comes_back(
    start: Start, database: Database
) -> None:
    server = start("--database", database.address)
    database.stop()
    try:
        answer = httpx.get(f"{server.url}/v1/voice/voices", timeout=DEADLINE_S)
        assert answer.status_code == 503
        assert answer.json()["error"]["message"] == "the service failed; its log says why"
    finally:
        database.start()
    answer = httpx.get(f"{server.url}/v1/voice/voices", timeout=DEADLINE_S)
    assert answer.status_code == 200


def test_a_voiceprint_is_saved_replaced_and_removed(shelf: Shelf, slt: Voiceprint) -> None:
    here, there = shelf(), shelf()
    here.save(slt, replace=False)
    assert there.load("slt") == slt
    assert there.everybody() == ((slt,), {})
    with pytest.raises(DuplicateSpeakerError):
        there.save(slt, replace=False)
    with pytest.raises(DuplicateSpeakerError):
        there.check_new("SLT", replace=False)
    other = replace(slt, expires_utc="2100-01-01T00:00:00+00:00")
    there.save(other, replace=True)
    assert here.everybody() == ((other,), {})
    here.remove("slt")
    assert there.everybody() == ((), {})
    for missing in (there.remove, there.load):
        for name in ("slt", "a\0b", "\u0301"):
            with pytest.raises(UnknownSpeakerError):
                missing(name)


def test_one_of_many_writers_gets_a_name(shelf: Shelf, slt: Voiceprint) -> None:
    here = shelf()
    outcomes: list[str] = []

    def save() -> None:
        try:
            here.save(slt, replace=False)
            outcomes.append("saved")
        except DuplicateSpeakerError:
            outcomes.append("taken")

    threads = [threading.Thread(target=save) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert sorted(outcomes) == ["saved", *["taken"] * 7]


def test_voiceprints_can_be_sealed(shelf: Shelf, slt: Voiceprint) -> None:
    key = SealingKey.from_bytes(bytes(32))
    sealed = shelf(key)
    sealed.save(slt, replace=False)
    assert sealed.everybody() == ((slt,), {})
    voiceprints, unreadable = shelf().everybody()
    assert voiceprints == ()
    assert list(unreadable) == ["slt"]
    sealed.remove("slt")


def test_a_database_that_cannot_be_reached_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"postgresql:///postgres?host={tmp_path}"
    assert main(["serve", "http", "--port", "0", "--database", address]) == 2
    error = capsys.readouterr().err
    assert "the database cannot be used" in error


def test_attempts_are_not_limited_without_a_folder(shelf: Shelf, database: Database) -> None:
    shelf()
    assert (
        main(["serve", "http", "--port", "0", "--database", database.address, "--limit", "3"]) == 2
    )
