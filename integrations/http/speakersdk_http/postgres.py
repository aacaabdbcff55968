"""Voiceprints in PostgreSQL, for services on several machines.

One table contains the voiceprints in the format of their files, sealed if there is a key. Another
has one row with the number of the last change: writers lock it in turn, and readers compare
it to see whether their data is current.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from psycopg import Connection, Error
from psycopg_pool import ConnectionPool, PoolTimeout

from speakersdk import SealingKey, UnknownSpeakerError, Voiceprint
from speakersdk_http.record import (
    StoredVoiceprints,
    all_unpacked,
    as_stored,
    check_name,
    packed,
    unpacked,
)

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS speakersdk_voiceprints (
    name text COLLATE "C" PRIMARY KEY,
    content bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS speakersdk_changes (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    number bigint NOT NULL
);
INSERT INTO speakersdk_changes (number) VALUES (0) ON CONFLICT DO NOTHING;
"""
# "speaker" in ASCII: services that start together create the tables one after another.
_MAKING_TABLES: Final = 0x737065616B6572
_CONNECT_S: Final = 5.0
_Row: TypeAlias = tuple[Any, ...]


class PostgresStorage:
    """A `Storage` in a database.

    Args:
        address: a connection string of libpq. A password should be in PGPASSFILE instead.
        key: key with which every voiceprint is sealed; None means plain voiceprints.
        connections: maximum number of connections to the database.

    Raises:
        ConnectionError: the database cannot be used.
    """

    def __init__(self, address: str, *, key: SealingKey | None, connections: int) -> None:
        self.attempts: Path | None = None
        self._key = key
        self._lock = threading.Lock()
        self._number: int | None = None
        self._content: StoredVoiceprints = ((), {})
        self._pool: ConnectionPool[Connection[_Row]] = ConnectionPool(
            address,
            min_size=1,
            max_size=connections,
            timeout=_CONNECT_S,
            check=ConnectionPool.check_connection,
            open=True,
        )
        try:
            with self._connected() as database:
                database.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING_TABLES,))
                database.execute(_TABLES)
        except BaseException:
            self._pool.close()
            raise

    def load(self, name: str) -> Voiceprint:
        """See `Storage`."""
        with self._connected() as database:
            row = database.execute(
                "SELECT content FROM speakersdk_voiceprints WHERE name = %s", (as_stored(name),)
            ).fetchone()
        if row is None:
            raise UnknownSpeakerError(name)
        return unpacked(as_stored(name), bytes(row[0]), self._key)

    def check_new(self, name: str, *, replace: bool) -> None:
        """See `Storage`."""
        with self._connected() as database:
            check_name(name, _names(database), replace=replace)

    def save(self, voiceprint: Voiceprint, *, replace: bool) -> Voiceprint:
        """See `Storage`."""
        content = packed(voiceprint, self._key)
        with self._changing() as database:
            check_name(voiceprint.name, _names(database), replace=replace)
            database.execute(
                "INSERT INTO speakersdk_voiceprints (name, content) VALUES (%s, %s) "
                "ON CONFLICT (name) DO UPDATE SET content = excluded.content",
                (voiceprint.name, content),
            )
        return voiceprint

    def remove(self, name: str) -> None:
        """See `Storage`; PostgreSQL overwrites the row when it vacuums the table."""
        with self._changing() as database:
            found = database.execute(
                "DELETE FROM speakersdk_voiceprints WHERE name = %s", (as_stored(name),)
            )
            if found.rowcount == 0:
                raise UnknownSpeakerError(name)

    def load_all(self) -> StoredVoiceprints:
        """See `Storage`; rows are read again after a change."""
        with self._lock, self._connected() as database:
            database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            (number,) = database.execute("SELECT number FROM speakersdk_changes").fetchone() or (0,)
            if number != self._number:
                rows = database.execute("SELECT name, content FROM speakersdk_voiceprints")
                stored = ((name, bytes(content)) for name, content in rows)
                self._content, self._number = all_unpacked(stored, self._key), number
            return self._content

    def close(self) -> None:
        """See `Storage`."""
        self._pool.close()

    @contextmanager
    def _changing(self) -> Iterator[Connection[_Row]]:
        """Open a transaction that makes changes; there is one at a time."""
        with self._connected() as database:
            database.execute("UPDATE speakersdk_changes SET number = number + 1")
            yield database

    @contextmanager
    def _connected(self) -> Iterator[Connection[_Row]]:
        """Open a connection in a transaction, which an error rolls back."""
        try:
            with self._pool.connection() as database:
                yield database
        except (Error, PoolTimeout) as error:
            text = " ".join(str(error).split())
            raise ConnectionError(f"the database cannot be used: {text}") from error


def _names(database: Connection[_Row]) -> set[str]:
    return {row[0] for row in database.execute("SELECT name FROM speakersdk_voiceprints")}
