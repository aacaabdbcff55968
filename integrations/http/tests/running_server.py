"""A server in another process, as `speakersdk serve http` starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

import speakersdk.demo_clips

CLIPS = Path(speakersdk.demo_clips.__file__).parent
# For a busy machine: loading the model takes less than a second.
DEADLINE_S = 120.0


@dataclass
class Server:
    """A running server.

    Attributes:
        url: without a slash at the end.
        process: of the command.
        folder: of the voiceprints.
    """

    url: str
    process: subprocess.Popen[str]
    folder: Path

    def stop(self) -> int:
        """Send SIGTERM and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=DEADLINE_S)  # and close its stdout
        return self.process.returncode


def started(*options: str, folder: Path) -> Server:
    """Start a server with these options, and wait until it is ready."""
    command = [sys.executable, "-m", "speakersdk", "serve", "http", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--voiceprints", str(folder), "--drain", "0", *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    address = re.search(r"http://\S+", line)
    if address is None:
        raise RuntimeError(f"expected an address, got {line!r}")
    server = Server(address[0], process, folder)
    wait_until_ready(server)
    return server


def wait_until_ready(server: Server) -> None:
    """Ask until the server answers."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise RuntimeError("the server has ended")
        try:
            # The listening socket exists already: the request waits until a worker takes it.
            if httpx.get(f"{server.url}/readyz", timeout=DEADLINE_S).status_code == 200:
                return
        except httpx.TransportError:
            continue
    pytest.fail(f"the server was not ready after {DEADLINE_S:g} s")
