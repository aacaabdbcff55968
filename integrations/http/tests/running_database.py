"""Servers of PostgreSQL and Redis, which the tests start."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Protocol

from running_server import DEADLINE_S


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, which Debian keeps out of PATH."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


class Database(Protocol):
    """A server that listens on a socket in a folder of its own.

    Attributes:
        address: for `--database`.
    """

    address: str

    def start(self) -> None:
        """Start, and wait until connections are accepted."""

    def stop(self) -> None:
        """Stop at once and break all connections."""


class Postgres:
    """A `Database` of PostgreSQL."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        # The server refuses to run as root. Debian's package has a user for it.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(folder, self._user)
        self.address = f"postgresql:///postgres?host={folder}&user=owner"
        self._run("initdb", "--username=owner", "--auth=trust", "--no-sync")

    def start(self) -> None:
        """See `Database`."""
        options = f"-c listen_addresses='' -c fsync=off -k {self._folder}"
        log = str(self._folder / "log")
        self._run("pg_ctl", "start", "--wait", "--log", log, "--options", options)

    def stop(self) -> None:
        """See `Database`."""
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
        if done.returncode != 0:
            raise RuntimeError(f"{program} ended with status {done.returncode}")


class RedisServer:
    """A `Database` of Redis or Valkey that writes each change to its file before it answers."""

    def __init__(self, program: str, folder: Path) -> None:
        self._socket = folder / "socket"
        self._command = [
            program, "--port", "0", "--unixsocket", str(self._socket), "--dir", str(folder),
            "--appendonly", "yes", "--appendfsync", "always", "--save", "",
        ]  # fmt: skip
        self.address = f"unix://{self._socket}"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """See `Database`."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        ready = "ready to accept connections"
        if not any(ready in line.lower() for line in self._process.stdout):
            raise RuntimeError("the server has ended")

    def stop(self) -> None:
        """See `Database`."""
        assert self._process is not None
        self._process.kill()
        self._process.communicate(timeout=DEADLINE_S)
        self._socket.unlink(missing_ok=True)
