"""Settings of the service. Worker processes receive them by pickle."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from speakersdk import ConfigError, Verifier, VoiceprintStore

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_SHORTEST_KEY: Final = 16
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\sA-Z]+")
_KEY_LINE: Final = re.compile(r"(?P<client>[A-Za-z0-9][A-Za-z0-9_-]{0,63})\s+(?P<key>[!-~]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A client's key, of which only the SHA-256 is kept.

    Attributes:
        client: name of the client, for limits.
        digest: SHA-256 of the key.
    """

    client: str
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings from the command line.

    Attributes:
        open_verifier, open_store: functions that open the verifier and the store of voiceprints.
        host: address on which the service listens.
        keys: keys of the clients; empty means that no key is required.
        origins: origins of web pages that may use the service, such as ``https://example.org``.
        maximum_bytes: maximum size of the body of a request.
        threads: number of recordings that a worker encodes at the same time.
        maximum_waiting: number of requests per worker that may wait for a thread.
        maximum_streams: maximum number of open streams per worker.
        idle_s: maximum pause of a client within a request or a stream in seconds.
        drain_s: seconds after SIGTERM in which requests are still answered.
        database: connection string of PostgreSQL, or URL of Redis; None means the folder of the
            store.
        tries: rejected attempts in a row after which a client or speaker waits; None means any
            number.
    """

    open_verifier: Callable[[], Verifier]
    open_store: Callable[[], VoiceprintStore]
    host: str = "127.0.0.1"
    keys: tuple[ApiKey, ...] = ()
    origins: tuple[str, ...] = ()
    maximum_bytes: int = 10_000_000
    threads: int = 1
    maximum_waiting: int = 256
    maximum_streams: int = 32
    idle_s: float = 30.0
    drain_s: float = 2.0
    database: str | None = None
    tries: int | None = None

    def __post_init__(self) -> None:
        counts = {
            "threads": self.threads,
            "maximum_bytes": self.maximum_bytes,
            "maximum_waiting": self.maximum_waiting,
            "maximum_streams": self.maximum_streams,
        }
        for name, count in counts.items():
            if count < 1:
                raise ConfigError(f"expected {name} of at least 1, got {count}")
        if not self.idle_s > 0 or not 0 <= self.drain_s < float("inf"):
            raise ConfigError(
                "expected a pause above 0 s and a finite drain time of at least 0 s, got "
                f"{self.idle_s:g} s and {self.drain_s:g} s"
            )
        if self.tries is not None and self.tries < 1:
            raise ConfigError(f"expected a limit of at least 1 attempt, got {self.tries}")
        for origin in self.origins:
            if not _ORIGIN.fullmatch(origin):
                raise ConfigError(
                    "expected an origin as browsers send it, https://HOST or https://HOST:PORT in "
                    f"lowercase and without a path, got {origin!r}"
                )
        if self.database is not None and self.tries is not None:
            raise ConfigError(
                "expected no limit on attempts with a database: they are counted in a folder of "
                "this machine, which others would not see; limit them at the load balancer"
            )
        if not self.keys and not self.is_loopback:
            raise ConfigError(
                f"expected keys of the clients to listen on {self.host}, which other machines "
                "reach; add --keys FILE, or listen on 127.0.0.1"
            )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches the service."""
        return self.host in LOOPBACK

    def client_of(self, key: str) -> str | None:
        """Return the client with this key, in a time that does not depend on the key."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        found = None
        for each in self.keys:
            if hmac.compare_digest(digest, each.digest):
                found = each.client
        return found


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """Read a file of keys: a line ``CLIENT KEY`` for each client; ``#`` starts a comment.

    Raises:
        ConfigError: the file is empty, readable by others, or has a wrong line.
        OSError: the file cannot be read.
    """
    mode = path.stat().st_mode & 0o077
    if mode:
        raise ConfigError(
            f"expected a file of keys that only its owner may read, got {path}; chmod 600 {path}"
        )
    keys: list[ApiKey] = []
    # Keys are ASCII. Some editors put a byte order mark first, and comments may have any encoding.
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _KEY_LINE.fullmatch(line.strip())
        if match is None or len(match["key"]) < _SHORTEST_KEY:
            raise ConfigError(
                f"{path}, line {number}: expected CLIENT KEY, with a key of at least "
                f"{_SHORTEST_KEY} characters; make one with: openssl rand -hex 32"
            )
        if match["client"] in {key.client for key in keys}:
            raise ConfigError(f"{path}, line {number}: the client {match['client']} is named twice")
        digest = hashlib.sha256(match["key"].encode()).digest()
        keys.append(ApiKey(client=match["client"], digest=digest))
    if not keys:
        raise ConfigError(f"{path}: expected at least one line CLIENT KEY, got none")
    return tuple(keys)
