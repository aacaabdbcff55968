"""A PostgreSQL server, which the tests start."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from running_server import DEADLINE_S


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
