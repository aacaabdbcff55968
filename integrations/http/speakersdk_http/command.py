"""``speakersdk serve http``: options, and the server's processes."""

from __future__ import annotations

import argparse
import errno
import logging
import math
import os
import signal
import socket
import tempfile
from collections.abc import Callable
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.supervisors import Multiprocess

from speakersdk import ConfigError, Verifier, VoiceprintStore
from speakersdk_http.app import create_app
from speakersdk_http.metrics import FOLDER_VARIABLE
from speakersdk_http.service import SpeakerService
from speakersdk_http.settings import Settings, read_keys
from speakersdk_http.shutdown import HttpProtocol

SUMMARY: Final = (
    "Serve verification, identification and enrollment by HTTP, and live streams by WebSocket. "
    "/docs shows the interface."
)
_DATABASE_VARIABLE: Final = "SPEAKERSDK_DATABASE"  # it may contain a password
_LAST_PORT: Final = 65535
_BACKLOG: Final = 2048
_KEEP_ALIVE_S: Final = 15
_LONGEST_END_S: Final = 60  # time for the last answers
# A worker must begin to answer its parent within this time. Its imports take seconds on a busy or
# small computer. With the default of 5 s, it would be killed and started again without end.
_LONGEST_START_S: Final = 120
_POLL_S: Final = 0.1  # between two looks at the signals while workers end
_LONGEST_MESSAGE_BYTES: Final = 1 << 20  # limit of a stream's message: half a minute at 16 kHz
_QUEUED_MESSAGES: Final = 4  # further messages wait in the client's socket


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this service."""
    group = parser.add_argument_group("server")
    group.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    group.add_argument(
        "--port",
        type=int,
        default=8080,
        help="port; 0 means any free one (default: %(default)s)",
    )
    group.add_argument(
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="number of processes that share the store (default: %(default)s)",
    )
    group.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="number of recordings that a worker encodes at a time (default: processors / workers)",
    )
    group.add_argument(
        "--drain",
        type=float,
        default=2.0,
        metavar="SECONDS",
        help="answer requests for this time after SIGTERM (default: %(default)g)",
    )
    group.add_argument(
        "--database",
        default=os.environ.get(_DATABASE_VARIABLE),
        metavar="URL",
        help="store voiceprints in PostgreSQL or Redis, for several machines, instead of in "
        f"--voiceprints (default: ${_DATABASE_VARIABLE})",
    )
    group = parser.add_argument_group("access and limits")
    group.add_argument(
        "--keys",
        type=Path,
        metavar="FILE",
        help="file of lines CLIENT KEY; required if other machines can connect",
    )
    group.add_argument(
        "--origin",
        action="append",
        default=[],
        metavar="URL",
        help="allow web pages of this origin (repeatable)",
    )
    group.add_argument(
        "--max-upload",
        type=float,
        default=10.0,
        metavar="MB",
        help="maximum size of a request (default: %(default)g)",
    )
    group.add_argument(
        "--max-streams",
        type=int,
        default=32,
        metavar="N",
        help="maximum number of open streams per worker (default: %(default)s)",
    )
    group.add_argument(
        "--limit",
        type=int,
        metavar="TRIES",
        help="number of rejected attempts in a row after which a speaker or client has to wait",
    )


def run(
    arguments: argparse.Namespace,
    open_verifier: Callable[[], Verifier],
    open_store: Callable[[], VoiceprintStore],
) -> int:
    """Serve until a signal arrives.

    Raises:
        ConfigError: an option is outside its range.
        OSError: the address cannot be used.
    """
    workers = arguments.workers
    if workers < 1:
        raise ConfigError(f"expected at least 1 worker, got {workers}")
    if not 0 <= arguments.port <= _LAST_PORT:
        raise ConfigError(f"expected a port from 0 to {_LAST_PORT}, got {arguments.port}")
    if not 0 < arguments.max_upload < math.inf:
        raise ConfigError(f"expected a finite --max-upload above 0, got {arguments.max_upload:g}")
    threads = arguments.threads
    settings = Settings(
        open_verifier=open_verifier,
        open_store=open_store,
        host=arguments.host,
        keys=() if arguments.keys is None else read_keys(arguments.keys),
        origins=tuple(arguments.origin),
        maximum_bytes=round(arguments.max_upload * 1e6),
        threads=max(1, _processors() // workers) if threads is None else threads,
        maximum_streams=arguments.max_streams,
        drain_s=arguments.drain,
        database=arguments.database,
        tries=arguments.limit,
    )
    with _listener(arguments.host, arguments.port) as listener:
        address, port = listener.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        print(f"listening on http://{shown}:{port} (interface: /docs)", flush=True)
        if workers == 1:
            app = create_app(settings)
            # The server raises the signal again at its end, which is a success here.
            signal.signal(signal.SIGTERM, lambda *_: None)
            _Server(_config(lambda: app, workers)).run(sockets=[listener])
            return 0
        SpeakerService(settings).close()  # report a wrong option once, and not in every worker
        with tempfile.TemporaryDirectory(prefix="speakersdk-http-") as folder:
            os.environ[FOLDER_VARIABLE] = folder
            processes = _Workers(_config(partial(create_app, settings), workers), [listener])
            processes.run()
            if processes.was_interrupted:
                raise KeyboardInterrupt  # as with one process
    return 0


class _Server(uvicorn.Server):
    """A server of one process. A second Ctrl-C ends it at once."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self.force_exit:
            # The requests that are now cut off are no errors, and would print tracebacks.
            logging.getLogger("uvicorn.error").disabled = True


class _Workers(Multiprocess):
    """Worker processes. Ctrl-C reaches only their parent, which ends them as SIGTERM does."""

    was_interrupted = False

    def init_processes(self) -> None:
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            super().init_processes()
            return
        # Workers inherit the mask. Without it, Ctrl-C during their start would print a traceback.
        # The first worker needs the tracker, whose start would remove SIGINT from the mask.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().init_processes()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def keep_subprocess_alive(self) -> None:
        """Replace dead workers, and remove their gauges, which would never change again."""
        before = {each.pid for each in self.processes}
        super().keep_subprocess_alive()
        for pid in before - {each.pid for each in self.processes}:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]

    def handle_int(self) -> None:
        self.was_interrupted = True
        super().handle_int()

    def join_all(self) -> None:
        """Wait for the last answers; a second Ctrl-C cuts them off."""
        while running := [each.process for each in self.processes if each.process.is_alive()]:
            if signal.SIGINT in self.signal_queue:
                for process in running:
                    process.kill()
            wait([process.sentinel for process in running], _POLL_S)
        super().join_all()


def _config(make_app: Callable[[], object], workers: int) -> uvicorn.Config:
    return uvicorn.Config(
        make_app,
        factory=True,
        http=HttpProtocol,
        workers=workers,
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_LONGEST_END_S,
        timeout_worker_healthcheck=_LONGEST_START_S,
        ws_max_size=_LONGEST_MESSAGE_BYTES,
        ws_max_queue=_QUEUED_MESSAGES,
    )


def _listener(host: str, port: int) -> socket.socket:
    """Open a listening socket, which workers inherit."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
    except UnicodeError as error:  # of the encoding of names in the network
        raise ConfigError(
            f"expected a host name or an address with --host, got {host!r}"
        ) from error
    except OSError as error:  # also a name that has no address
        is_taken = error.errno == errno.EADDRINUSE
        raise OSError(
            error.errno,
            f"cannot listen on {host}, port {port}: {error.strerror}; "
            + ("stop the program that listens there, or " if is_taken else "")
            + "choose another address with --host and --port",
        ) from error
    listener.set_inheritable(True)
    return listener


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
