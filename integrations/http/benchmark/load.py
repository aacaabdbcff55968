"""Latency and throughput of `speakersdk serve http` on this machine, and its shutdown under load.

    python integrations/http/benchmark/load.py --seconds 5 --workers 2

Every client has one connection, and sends the next request after each answer. Each request verifies
a clip of about 3 s against an enrolled speaker. Clients and server share the processors. At the
end, SIGTERM is sent while 8 clients send requests; a request without an answer counts as lost.
"""

from __future__ import annotations

import argparse
import http.client
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

import speakersdk.demo_clips
from speakersdk import Verifier, VoiceprintStore

CLIPS = Path(speakersdk.demo_clips.__file__).parent
CLIENTS = (1, 8, 64)
TIMEOUT_S = 120.0
BOUNDARY = "speakersdk-load"


def body() -> bytes:
    """Return a form that verifies the probe of slt against slt."""
    probe = (CLIPS / "slt-probe.flac").read_bytes()
    parts = (
        b'Content-Disposition: form-data; name="name"\r\n\r\nslt',
        b'Content-Disposition: form-data; name="audio2"; filename="probe.flac"\r\n\r\n' + probe,
    )
    edge = f"--{BOUNDARY}\r\n".encode()
    return b"".join(edge + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()


class Clients:
    """Clients that send requests until the time is over or the server tells them to leave.

    Attributes:
        seconds: duration of each answered request.
        lost: errors of requests without an answer.
        refused: answers with a status other than 200.
    """

    def __init__(self, url: str, num: int) -> None:
        address = urlsplit(url)
        self._host, self._port = str(address.hostname), address.port
        self._end_s = float("inf")
        self._body = body()
        self.seconds: list[float] = []
        self.lost: list[str] = []
        self.refused: list[int] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(num)]

    def start(self) -> None:
        """Start sending requests."""
        for thread in self._threads:
            thread.start()

    def join(self, end_s: float = float("inf")) -> None:
        """Wait for the last answers; requests begin before `end_s` (monotonic) only."""
        self._end_s = end_s
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        while time.monotonic() < self._end_s:
            began = time.perf_counter()
            try:
                connection.request("POST", "/v1/voice/verify", self._body, headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                return
            self.seconds.append(time.perf_counter() - began)
            if answer.status != 200:
                self.refused.append(answer.status)
            if answer.getheader("Connection") == "close":
                break
        connection.close()


def served(folder: Path, options: list[str]) -> tuple[subprocess.Popen[str], str]:
    """Start a server process, and return it with its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "speakersdk", "serve", "http", "--port", "0",
         "--voiceprints", str(folder), *options],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    line = "" if process.stdout is None else process.stdout.readline()
    address = re.search(r"http://\S+", line)
    if address is None:
        raise SystemExit("the server did not start")
    return process, address[0]


def main() -> None:
    """Print a table, and the number of lost requests at shutdown."""
    parser = argparse.ArgumentParser(description="Measure speakersdk serve http on this machine.")
    parser.add_argument("--seconds", type=float, default=5.0, help="duration of each row")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    print(
        f"{day}, {platform.machine()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} "
        f"before, {arguments.workers} worker(s)"
    )
    with tempfile.TemporaryDirectory() as folder:
        slt = Verifier().enroll([CLIPS / "slt-enroll-1.flac"], name="slt")
        VoiceprintStore(folder).save(slt)
        process, url = served(Path(folder), ["--workers", str(arguments.workers)])
        warm = Clients(url, arguments.workers)  # loads the model in every worker
        warm.start()
        warm.join(time.monotonic() + 2)
        print("| clients | requests/s | p50 ms | p99 ms | not answered |")
        print("| --- | --- | --- | --- | --- |")
        for num in CLIENTS:
            clients = Clients(url, num)
            began = time.monotonic()
            clients.start()
            clients.join(began + arguments.seconds)
            took_s = time.monotonic() - began
            p50, p99 = 1000 * np.quantile(clients.seconds, [0.5, 0.99])
            unanswered = len(clients.lost) + len(clients.refused)
            rate = len(clients.seconds) / took_s
            print(f"| {num} | {rate:.1f} | {p50:.0f} | {p99:.0f} | {unanswered} |", flush=True)
        clients = Clients(url, 8)
        clients.start()
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        clients.join()
        process.communicate(timeout=TIMEOUT_S)
        print(
            f"SIGTERM under 8 clients: {len(clients.seconds)} answered, {len(clients.lost)} lost, "
            f"exit status {process.returncode}"
        )


if __name__ == "__main__":
    main()
