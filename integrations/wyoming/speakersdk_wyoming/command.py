"""``speakersdk serve wyoming``: options, and the server."""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging
import math
import signal
import socket
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from wyoming.server import AsyncServer, AsyncStdioServer, AsyncUnixServer

from speakersdk import ConfigError, Verifier, VoiceprintStore
from speakersdk_wyoming.handler import Connection
from speakersdk_wyoming.people import People
from speakersdk_wyoming.settings import Settings, Withhold

SUMMARY: Final = (
    "Tell Home Assistant and other programs that use the Wyoming protocol who is speaking: in "
    "front of speech recognition or wake word detection, or as a standalone service."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this service."""
    group = parser.add_argument_group("server")
    group.add_argument(
        "--uri",
        default="tcp://127.0.0.1:10310",
        help="tcp://HOST:PORT, unix:///PATH or stdio:// (default: %(default)s); the protocol has "
        "no passwords",
    )
    group.add_argument(
        "--asr", metavar="URI", help="address of a speech recognition service to use"
    )
    group.add_argument(
        "--wake", metavar="URI", help="address of a wake word detection service to use"
    )
    group.add_argument(
        "--wake-seconds",
        type=float,
        default=3.0,
        metavar="SECONDS",
        help="seconds of audio before a wake word that are compared (default: %(default)g)",
    )
    group = parser.add_argument_group("answers to clients")
    group.add_argument(
        "--withhold",
        choices=[choice.value for choice in Withhold],
        default=Withhold.NOTHING.value,
        help="withhold nothing, the words of strangers, or all words that are not accepted "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--tag", action="store_true", help="write [NAME] in front of the text of a known speaker"
    )
    group.add_argument(
        "--enroll", action="store_true", help="allow clients to enroll and delete speakers"
    )
    group.add_argument(
        "--limit",
        type=int,
        metavar="TRIES",
        help="number of rejected identify requests in a row after which a speaker or client has to "
        "wait",
    )


def run(
    arguments: argparse.Namespace,
    open_verifier: Callable[[], Verifier],
    open_store: Callable[[], VoiceprintStore],
) -> int:
    """Serve until a signal arrives.

    Raises:
        ConfigError: an address cannot be understood.
        OSError: the address cannot be used.
    """
    for uri in (arguments.uri, arguments.asr, arguments.wake):
        _check(uri)
    for option, seconds in (
        ("--wake-seconds", arguments.wake_seconds),
        ("--max-duration", arguments.max_duration),
    ):
        if not 0 < seconds < math.inf:
            raise ConfigError(f"expected a finite {option} above 0, got {seconds:g}")
    if arguments.limit is not None and arguments.limit < 1:
        raise ConfigError(f"expected a --limit of at least 1 attempt, got {arguments.limit}")
    settings = Settings(
        asr=arguments.asr,
        wake=arguments.wake,
        withhold=Withhold(arguments.withhold),
        is_tagged=arguments.tag,
        may_enroll=arguments.enroll,
        limit_s=arguments.max_duration,
        wake_s=arguments.wake_seconds,
    )
    logging.basicConfig(level=logging.WARNING)
    people = People(open_verifier, open_store, tries=arguments.limit)
    connect = partial(Connection, people=people, settings=settings)
    try:
        asyncio.run(_serve(arguments.uri, connect))
    except UnicodeError as error:  # of the encoding of names in the network
        raise ConfigError(f"expected a host name or an address in {arguments.uri}") from error
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        raise OSError(
            error.errno,
            f"cannot serve {arguments.uri}: {error.strerror or error}; "
            + ("stop the program that listens there, or " if is_taken else "")
            + "choose another address with --uri",
        ) from error
    return 0


async def _serve(uri: str, connect: Callable[..., Connection]) -> None:
    """Serve until a signal arrives, and print the address as soon as clients can connect."""
    server = AsyncServer.from_uri(uri)
    serving = f"serving {uri}"
    if isinstance(server, AsyncStdioServer):  # one client, which is already connected
        print(serving, file=sys.stderr, flush=True)
        await server.run(connect)
        return
    if isinstance(server, AsyncUnixServer):
        _check_free(server.socket_path)
    is_over = asyncio.Event()
    with suppress(NotImplementedError):  # Windows has no such handlers
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, is_over.set)
    await server.start(connect)
    try:
        print(serving, file=sys.stderr, flush=True)
        await is_over.wait()
    finally:
        await server.stop()


def _check_free(path: Path) -> None:
    """Refuse a path that is taken, unless by the socket of a killed process.

    The server would delete it: a file of the user, or the socket of another service.

    Raises:
        ConfigError: the path is taken.
    """
    try:
        mode = path.lstat().st_mode
    except OSError:  # it is free, or the server will report the reason
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigError(
            f"expected a new path with --uri, got {path}, which is not a socket; choose another "
            "path"
        )
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return
        except OSError:
            pass  # its queue is full, for example
    raise ConfigError(
        f"expected a new path with --uri, got {path}, on which another program listens; stop that "
        "program, or choose another path"
    )


def _check(uri: str | None) -> None:
    if uri is None:
        return
    expected = "expected tcp://HOST:PORT or unix:///PATH"
    try:
        AsyncServer.from_uri(uri)
    except ValueError as error:
        raise ConfigError(f"{expected}, got {uri}") from error
    parts = urlsplit(uri)
    if parts.scheme == "unix" and (parts.netloc or not parts.path):
        raise ConfigError(f"{expected} with an absolute path, got {uri}")
