"""Voiceprints in Redis or Valkey, for services on several machines.

A hash contains the voiceprints by name. The mark of the last change is random, because a counter
could have the same number twice after a failover. Writers watch the mark, and one of several wins.
Another hash contains the days of last uses.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, Final

from redis import BlockingConnectionPool, Redis, RedisError, WatchError
from redis.backoff import NoBackoff
from redis.retry import Retry

from speakersdk import ConfigError, SealingKey, UnknownSpeakerError
from speakersdk_http.database import DatabaseStorage, check_name, unusable_database

# One slot of a cluster: a transaction may not span several.
_VOICEPRINTS: Final = "{speakersdk}:voiceprints"
_USES: Final = "{speakersdk}:uses"
_LAST_CHANGE: Final = "{speakersdk}:last-change"
_CONNECT_S: Final = 5.0


class RedisStorage(DatabaseStorage):
    """A `Storage` in Redis, whose append-only file has what was removed until it is rewritten.

    Args:
        address: URL with the scheme redis, rediss (TLS) or unix. One with a password should come
            from SPEAKERSDK_DATABASE, because other users see options.
        key: key with which every voiceprint is sealed; None means plain voiceprints.
        connections: maximum number of connections to the server.

    Raises:
        ConfigError: the address is not such a URL, or the server deletes data when its memory is
            full.
        ConnectionError: the server cannot be used.
    """

    def __init__(self, address: str, *, key: SealingKey | None, connections: int) -> None:
        super().__init__(key)
        try:
            pool = BlockingConnectionPool.from_url(
                address,
                max_connections=connections,
                timeout=_CONNECT_S,
                socket_timeout=_CONNECT_S,
                socket_connect_timeout=_CONNECT_S,
                retry=Retry(NoBackoff(), 1),  # a connection that a restart of the server broke
            )
            pool.connection_class(**pool.connection_kwargs)  # checks the names of the options
        except (TypeError, ValueError):  # whose text may have a part of the password
            raise ConfigError(
                "expected redis://USER:PASSWORD@HOST:PORT/NUMBER with options that redis-py knows, "
                "got another address; write special characters of the password as %XX, such as "
                "%2F for /"
            ) from None
        self._redis: Any = Redis(connection_pool=pool)
        try:
            with _translated():
                policy = self._redis.info("memory").get("maxmemory_policy", "noeviction")
            if policy != "noeviction":
                raise ConfigError(
                    "expected a Redis server that keeps all data, got one that deletes voiceprints "
                    f"when its memory is full (maxmemory-policy {policy}); set it to noeviction"
                )
        except BaseException:
            self.close()
            raise

    def check_new(self, name: str, *, replace: bool) -> None:
        """See `Storage`."""
        with _translated():
            check_name(name, _names(self._redis), replace=replace)

    def close(self) -> None:
        """See `Storage`."""
        self._redis.connection_pool.disconnect()

    def _read(self, name: str) -> bytes | None:
        with _translated():
            content: bytes | None = self._redis.hget(_VOICEPRINTS, name)
        return content

    def _write(self, name: str, content: bytes, *, replace: bool) -> None:
        def write(transaction: Any) -> None:
            check_name(name, _names(transaction), replace=replace)
            transaction.multi()
            transaction.hset(_VOICEPRINTS, name, content)

        self._change(write)

    def _delete(self, name: str) -> None:
        def delete(transaction: Any) -> None:
            if not transaction.hexists(_VOICEPRINTS, name):
                raise UnknownSpeakerError(name)
            transaction.multi()
            transaction.hdel(_VOICEPRINTS, name)
            transaction.hdel(_USES, name)

        self._change(delete)

    def _read_all_after(self, mark: object) -> tuple[object, Iterable[tuple[str, bytes]]] | None:
        with _translated():
            if mark is not None and self._redis.get(_LAST_CHANGE) == mark:
                return None
            with self._redis.pipeline(transaction=True) as both:
                mark, stored = both.get(_LAST_CHANGE).hgetall(_VOICEPRINTS).execute()
        return mark, ((_as_text(name), content) for name, content in stored.items())

    def _read_days(self, names: Sequence[str]) -> Mapping[str, date]:
        with _translated():
            days = self._redis.hmget(_USES, list(names))
        return {
            name: date.fromisoformat(day.decode())
            for name, day in zip(names, days, strict=True)
            if day is not None
        }

    def _write_days(self, names: Sequence[str], day: date) -> None:
        def write(transaction: Any) -> None:
            stored = _names(transaction)
            days = {name: day.isoformat() for name in names if name in stored}
            transaction.multi()
            if days:
                transaction.hset(_USES, mapping=days)

        self._change(write, is_marked=False)

    def _change(self, change: Callable[[Any], None], *, is_marked: bool = True) -> None:
        """Make and mark a change; repeat it if another writer was faster."""
        with _translated(), self._redis.pipeline(transaction=True) as transaction:
            while True:
                transaction.watch(_LAST_CHANGE)
                change(transaction)
                if is_marked:
                    transaction.set(_LAST_CHANGE, secrets.token_hex(16))
                try:
                    transaction.execute()
                except WatchError:
                    continue
                return


def _names(redis: Any) -> set[str]:
    return {_as_text(name) for name in redis.hkeys(_VOICEPRINTS)}


def _as_text(name: bytes) -> str:
    return name.decode(errors="backslashreplace")  # what others wrote must hide nobody


@contextmanager
def _translated() -> Iterator[None]:
    """Raise ConnectionError for the errors of Redis."""
    try:
        yield
    except RedisError as error:
        raise unusable_database(error) from error
