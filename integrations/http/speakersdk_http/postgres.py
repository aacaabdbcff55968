"""Voiceprints in PostgreSQL, for services on several machines.

One table contains the voiceprints. Another has one row with the number of the last change, which
marks the state of the data. Writers lock this row in turn. A third has the days of last uses, which
are deleted with the voiceprint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, Final, TypeAlias

from psycopg import Connection, Error, ProgrammingError, connect
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolTimeout

from speakersdk import ConfigError, SealingKey, UnknownSpeakerError
from speakersdk_http.database import DatabaseStorage, check_name, unusable_database

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS speakersdk_voiceprints (
    name text COLLATE "C" PRIMARY KEY,
    content bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS speakersdk_changes (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    number bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS speakersdk_uses (
    name text COLLATE "C" PRIMARY KEY REFERENCES speakersdk_voiceprints ON DELETE CASCADE,
    day date NOT NULL
);
INSERT INTO speakersdk_changes (number) VALUES (0) ON CONFLICT DO NOTHING;
"""
# "speaker" in ASCII: services that start together create the tables one after another.
_MAKING_TABLES: Final = 0x737065616B6572
_CONNECT_S: Final = 5
_Row: TypeAlias = tuple[Any, ...]


class PostgresStorage(DatabaseStorage):
    """A `Storage` in PostgreSQL, which overwrites a removed row when it vacuums the table.

    Args:
        address: a connection string of libpq. A password should be in PGPASSFILE instead.
        key: key with which every voiceprint is sealed; None means plain voiceprints.
        connections: maximum number of connections to the database.

    Raises:
        ConfigError: the address is not a connection string.
        ConnectionError: the database cannot be used.
    """

    def __init__(self, address: str, *, key: SealingKey | None, connections: int) -> None:
        super().__init__(key)
        _check_address(address)
        try:
            # The pool would only log why it cannot connect, once for each of its tries.
            with connect(address, connect_timeout=_CONNECT_S) as database:
                database.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING_TABLES,))
                database.execute(_TABLES)
        except Error as error:
            raise unusable_database(error) from error
        self._pool: ConnectionPool[Connection[_Row]] = ConnectionPool(
            address,
            min_size=1,
            max_size=connections,
            timeout=_CONNECT_S,
            check=ConnectionPool.check_connection,
            open=True,
        )

    def check_new(self, name: str, *, replace: bool) -> None:
        """See `Storage`."""
        with self._connected() as database:
            check_name(name, _names(database), replace=replace)

    def close(self) -> None:
        """See `Storage`."""
        self._pool.close()

    def _read(self, name: str) -> bytes | None:
        with self._connected() as database:
            row = database.execute(
                "SELECT content FROM speakersdk_voiceprints WHERE name = %s", (name,)
            ).fetchone()
        return None if row is None else bytes(row[0])

    def _write(self, name: str, content: bytes, *, replace: bool) -> None:
        with self._changing() as database:
            check_name(name, _names(database), replace=replace)
            database.execute(
                "INSERT INTO speakersdk_voiceprints (name, content) VALUES (%s, %s) "
                "ON CONFLICT (name) DO UPDATE SET content = excluded.content",
                (name, content),
            )

    def _delete(self, name: str) -> None:
        with self._changing() as database:
            deleted = database.execute(
                "DELETE FROM speakersdk_voiceprints WHERE name = %s", (name,)
            )
            if deleted.rowcount == 0:
                raise UnknownSpeakerError(name)

    def _read_all_after(self, mark: object) -> tuple[object, Iterable[tuple[str, bytes]]] | None:
        with self._connected() as database:
            database.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            (number,) = database.execute("SELECT number FROM speakersdk_changes").fetchone() or (0,)
            if number == mark:
                return None
            rows = database.execute("SELECT name, content FROM speakersdk_voiceprints").fetchall()
        return number, ((name, bytes(content)) for name, content in rows)

    def _read_days(self, names: Sequence[str]) -> Mapping[str, date]:
        with self._connected() as database:
            rows = database.execute(
                "SELECT name, day FROM speakersdk_uses WHERE name = ANY(%s)", (list(names),)
            )
            return dict(rows.fetchall())

    def _write_days(self, names: Sequence[str], day: date) -> None:
        with self._connected() as database:
            # Services lock the rows in the same order, and a name that is deleted has no row.
            database.execute(
                "INSERT INTO speakersdk_uses (name, day) "
                "SELECT name, %s FROM speakersdk_voiceprints WHERE name = ANY(%s) "
                "ORDER BY name FOR KEY SHARE "
                "ON CONFLICT (name) DO UPDATE SET day = excluded.day",
                (day, list(names)),
            )

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
            raise unusable_database(error) from error


def _names(database: Connection[_Row]) -> set[str]:
    return {row[0] for row in database.execute("SELECT name FROM speakersdk_voiceprints")}


def _check_address(address: str) -> None:
    """Refuse a malformed connection string, which libpq's messages would quote with its password.

    Raises:
        ConfigError: it is malformed, or a password that is not quoted reaches into other parts.
    """
    try:
        parts = conninfo_to_dict(address)
    except ProgrammingError:
        parts = None
    is_whole = parts is not None and "@" not in str(parts.get("host", ""))
    if parts is None or not is_whole or re.sub("[0-9,]", "", str(parts.get("port", ""))):
        raise ConfigError(
            "expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE or redis://HOST:PORT/NUMBER, "
            "got another address; write special characters of the password as %XX, such as %2F "
            "for /"
        )
