"""Services of several machines on a real server of PostgreSQL or Redis, which the tests start."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from running_database import Database, RedisServer
from running_server import CLIPS, DEADLINE_S, Server

from speakersdk import (
    ConfigError,
    DuplicateSpeakerError,
    SealingKey,
    UnknownSpeakerError,
    Verifier,
    Voiceprint,
)
from speakersdk.cli import main

postgres = pytest.importorskip("speakersdk_http.postgres")
redis = pytest.importorskip("speakersdk_http.redis")
Clip = Callable[[str], bytes]
Start = Callable[..., Server]
Storage = Callable[..., "postgres.PostgresStorage | redis.RedisStorage"]


@pytest.fixture
def storage(database: Database) -> Iterator[Storage]:
    """Connect to the emptied database."""
    storages = []
    kind = redis.RedisStorage if isinstance(database, RedisServer) else postgres.PostgresStorage

    def made(key: SealingKey | None = None) -> "postgres.PostgresStorage | redis.RedisStorage":
        storages.append(kind(database.address, key=key, connections=4))
        return storages[-1]

    for voiceprint in made().load_all()[0]:
        storages[0].remove(voiceprint.name)
    yield made
    for each in storages:
        each.close()


@pytest.fixture(scope="module")
def slt() -> Voiceprint:
    """An enrolled speaker."""
    return Verifier().enroll([CLIPS / "slt-enroll-1.flac"], name="slt")


def test_services_share_the_voiceprints(
    start: Start, storage: Storage, database: Database, clip: Clip
) -> None:
    storage()  # empty
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
    assert list(first.folder.iterdir()) == []  # nothing is on the machine itself
    gone = httpx.post(f"{second.url}/v1/voice/forget", json={"id": "slt"}, timeout=DEADLINE_S)
    assert gone.status_code == 204
    assert httpx.get(f"{first.url}/v1/voice/voices", timeout=DEADLINE_S).json()["voices"] == []


def test_a_lost_database_is_an_error_until_it_is_back(
    start: Start, storage: Storage, database: Database, slt: Voiceprint
) -> None:
    storage().save(slt, replace=False)
    server = start("--database", database.address)
    database.stop()
    try:
        answer = httpx.get(f"{server.url}/v1/voice/voices", timeout=DEADLINE_S)
        assert answer.status_code == 503
        assert answer.json()["error"]["message"] == "the service failed; its log says why"
    finally:
        database.start()
    answer = httpx.get(f"{server.url}/v1/voice/voices", timeout=DEADLINE_S)
    assert [voice["name"] for voice in answer.json()["voices"]] == ["slt"]


def test_a_voiceprint_is_saved_replaced_and_removed(storage: Storage, slt: Voiceprint) -> None:
    here, there = storage(), storage()
    here.save(slt, replace=False)
    assert there.load("slt") == slt
    assert there.load_all() == ((slt,), {})
    with pytest.raises(DuplicateSpeakerError):
        there.save(slt, replace=False)
    with pytest.raises(DuplicateSpeakerError):
        there.check_new("SLT", replace=False)
    other = replace(slt, expires_utc="2100-01-01T00:00:00+00:00")
    there.save(other, replace=True)
    assert here.load_all() == ((other,), {})
    here.remove("slt")
    assert there.load_all() == ((), {})
    for missing in (there.remove, there.load):
        for name in ("slt", "a\0b", "\u0301"):
            with pytest.raises(UnknownSpeakerError):
                missing(name)


def test_one_of_many_writers_gets_a_name(storage: Storage, slt: Voiceprint) -> None:
    here = storage()
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


def test_voiceprints_can_be_sealed(storage: Storage, slt: Voiceprint) -> None:
    key = SealingKey.from_bytes(bytes(32))
    sealed = storage(key)
    sealed.save(slt, replace=False)
    assert sealed.load_all() == ((slt,), {})
    voiceprints, unreadable = storage().load_all()
    assert voiceprints == ()
    assert list(unreadable) == ["slt"]
    sealed.remove("slt")


def test_the_last_use_is_stored_once_a_day_and_deleted_with_the_voiceprint(
    storage: Storage, slt: Voiceprint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a database, a clock that was set back revived an expired voiceprint."""
    here, there = storage(), storage()
    now = datetime.now(UTC)
    ends = replace(slt, expires_utc=(now + timedelta(days=2)).isoformat(timespec="seconds"))
    here.save(ends, replace=False)
    mark = here._read_all_after(None)
    asked: list[object] = []
    for name in ("_read_days", "_write_days"):
        method = getattr(here, name)
        monkeypatch.setattr(here, name, lambda *given, to=method: asked.append(to) or to(*given))
    for _ in range(3):
        assert here.record([ends, replace(slt, name="absent")]) == []
    assert len(asked) == 2
    assert there._read_days(["slt", "absent"]) == {"slt": now.date()}
    assert here._read_all_after(mark and mark[0]) is None  # others need not read everything again
    assert here.record([slt], now=now + timedelta(days=3)) == []  # without an end
    for late in (here, there):  # the clock is right again, or was set back
        (error,) = late.record([ends], now=now)
        assert "the clock is or was wrong" in str(error)
    here.remove("slt")
    assert there._read_days(["slt"]) == {}
    here.save(ends, replace=False)
    assert here.record([ends], now=now) == []


@pytest.mark.parametrize("address", ["postgresql:///postgres?host={}", "unix://{}/none"])
def test_a_database_that_cannot_be_reached_is_one_line(
    address: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["serve", "http", "--port", "0", "--database", address.format(tmp_path)]
    assert main(command) == 2
    error = capfd.readouterr().err
    assert "the database cannot be used: " in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "address",
    [
        "postgres//user:S3CRET@host/db",
        "postgresql://user:S3CRET@[::1/db",
        "postgresql://user:S3CRET/4@127.0.0.1/db",
        "postgresql://user:4@S3CRET@127.0.0.1/db",
        "redis:/user:S3CRET@host",
        "redis://user:S3CRET/4@127.0.0.1",
        "redis://user:S3CRET@[::1",
        "redis://user:S3CRET@127.0.0.1/0?colour=red",
    ],
)
def test_a_malformed_address_is_one_line_without_its_password(
    address: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SPEAKERSDK_DATABASE", address)
    assert main(["serve", "http", "--port", "0", "--voiceprints", str(tmp_path)]) == 2
    errors = capfd.readouterr().err
    assert errors.count("\n") == 1
    assert "got another address; write special characters" in errors
    assert "S3CRET" not in errors


@pytest.mark.parametrize("database", ["redis"], indirect=True)
def test_a_server_that_would_delete_voiceprints_is_refused(
    storage: Storage, database: Database
) -> None:
    storage()
    client = redis.Redis.from_url(database.address)
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(ConfigError, match=r"maxmemory-policy allkeys-lru.*noeviction"):
            storage()
    finally:
        client.config_set("maxmemory-policy", "noeviction")
        client.close()


@pytest.mark.parametrize("database", ["redis"], indirect=True)
def test_a_voiceprint_that_others_wrote_does_not_hide_others(
    storage: Storage, database: Database, slt: Voiceprint
) -> None:
    here = storage()
    here.save(slt, replace=False)
    client = redis.Redis.from_url(database.address)
    client.hset("{speakersdk}:voiceprints", b"\xff", b"?")
    client.set("{speakersdk}:last-change", "another")
    voiceprints, unreadable = here.load_all()
    assert voiceprints == (slt,)
    assert list(unreadable) == ["\\xff"]
    client.hdel("{speakersdk}:voiceprints", b"\xff")
    client.close()


def test_attempts_are_not_limited_without_a_folder(storage: Storage, database: Database) -> None:
    storage()
    assert (
        main(["serve", "http", "--port", "0", "--database", database.address, "--limit", "3"]) == 2
    )
