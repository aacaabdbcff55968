"""Voiceprints in Redis or Valkey, for services on several machines.

A hash contains the voiceprints by name, in the format of their files, sealed if there is a key.
Next to it is a random mark of the last change: writers watch it, and one of several wins;
readers compare it to see whether their data is current. A counter could have the same number twice
after a failover.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from redis import BlockingConnectionPool, Redis, RedisError, WatchError
from redis.backoff import NoBackoff
from redis.retry import Retry

from speakersdk import ConfigError, SealingKey, UnknownSpeakerError, Voiceprint
from speakersdk_http.record import (
    StoredVoiceprints,
    all_unpacked,
    as_stored,
    check_name,
    packed,
    unpacked,
    unusable_database,
)

# One slot of a cluster: a transaction may not span several.
_VOICEPRINTS: Final = "{speakersdk}:voiceprints"
_LAST_CHANGE: Final = "{speakersdk}:last-change"
_CONNECT_S: Final = 5.0


class RedisStorage:
    """A `Storage` in Redis.

    Args:
        address: URL with the scheme redis, rediss (TLS) or unix. One with a password should come
            from SPEAKERSDK_DATABASE, because other users see options.
        key: key with which every voiceprint is sealed; None means plain voiceprints.
        connections: maximum number of connections to the server.

    Raises:
        ConfigError: the server deletes data when its memory is full.
        ConnectionError: the server cannot be used.
    """

    def __init__(self, address: str, *, key: SealingKey | None, connections: int) -> None:
        self.attempts: Path | None = None
        self._key = key
        self._lock = threading.Lock()
        self._mark: bytes | None = None
        self._content: StoredVoiceprints = ((), {})
        try:
            pool = BlockingConnectionPool.from_url(
                address,
                max_connections=connections,
                timeout=_CONNECT_S,
                socket_timeout=_CONNECT_S,
                socket_connect_timeout=_CONNECT_S,
                retry=Retry(NoBackoff(), 1),  # a connection that a restart of the server broke
            )
        except ValueError as error:
            raise ConfigError(f"expected the URL of a Redis server: {error}") from error
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

    def load(self, name: str) -> Voiceprint:
        """See `Storage`."""
        with _translated():
            content = self._redis.hget(_VOICEPRINTS, as_stored(name))
        if content is None:
            raise UnknownSpeakerError(name)
        return unpacked(as_stored(name), content, self._key)

    def check_new(self, name: str, *, replace: bool) -> None:
        """See `Storage`."""
        with _translated():
            check_name(name, _names(self._redis), replace=replace)

    def save(self, voiceprint: Voiceprint, *, replace: bool) -> Voiceprint:
        """See `Storage`."""
        content = packed(voiceprint, self._key)

        def change(transaction: Any) -> None:
            check_name(voiceprint.name, _names(transaction), replace=replace)
            transaction.multi()
            transaction.hset(_VOICEPRINTS, voiceprint.name, content)

        self._change(change)
        return voiceprint

    def remove(self, name: str) -> None:
        """See `Storage`; with an append-only file, the content is there until it is rewritten."""

        def change(transaction: Any) -> None:
            if not transaction.hexists(_VOICEPRINTS, as_stored(name)):
                raise UnknownSpeakerError(name)
            transaction.multi()
            transaction.hdel(_VOICEPRINTS, as_stored(name))

        self._change(change)

    def load_all(self) -> StoredVoiceprints:
        """See `Storage`; voiceprints are read again after a change."""
        with self._lock, _translated():
            if self._mark is None or self._redis.get(_LAST_CHANGE) != self._mark:
                with self._redis.pipeline(transaction=True) as both:
                    mark, stored = both.get(_LAST_CHANGE).hgetall(_VOICEPRINTS).execute()
                rows = (
                    (name.decode(errors="backslashreplace"), content)
                    for name, content in stored.items()
                )
                self._content, self._mark = all_unpacked(rows, self._key), mark
            return self._content

    def close(self) -> None:
        """See `Storage`."""
        self._redis.connection_pool.disconnect()

    def _change(self, change: Callable[[Any], None]) -> None:
        """Make and mark a change; repeat it if another writer was faster."""
        with _translated(), self._redis.pipeline(transaction=True) as transaction:
            while True:
                transaction.watch(_LAST_CHANGE)
                change(transaction)
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
