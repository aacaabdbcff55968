"""Processes: workers that share the store, and the end by SIGTERM under load."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from running_server import DEADLINE_S, Server, wait_until_ready
from speakersdk_http.shutdown import REST_S
from test_live import received, stream
from websockets.exceptions import ConnectionClosed

from speakersdk.cli import main

Clip = Callable[[str], bytes]
Start = Callable[..., Server]


def test_workers_share_the_store_and_the_metrics(start: Start, clip: Clip) -> None:
    server = start("--workers", "2", "--threads", "1")
    # Every request has a connection of its own. Therefore both workers get some of them.
    files = {"audio": clip("slt-enroll-1")}
    url = f"{server.url}/v1/voice/register"
    assert httpx.post(url, data={"name": "slt"}, files=files, timeout=DEADLINE_S).is_success
    speakers = {
        httpx.post(
            f"{server.url}/v1/voice/identify",
            files={"audio": clip("slt-probe")},
            timeout=DEADLINE_S,
        ).json()["speaker"]
        for _ in range(10)
    }
    assert speakers == {"slt"}
    text = httpx.get(f"{server.url}/metrics", timeout=DEADLINE_S).text
    assert 'speakersdk_verdicts_total{endpoint="identify",verdict="accept"} 10.0' in text
    assert server.stop() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_the_streams_of_a_killed_worker_are_not_open(start: Start, clip: Clip) -> None:
    """The system kills a worker that uses too much memory, for example."""
    server = start("--workers", "2")
    files = {"audio": clip("slt-enroll-1")}
    url = f"{server.url}/v1/voice/register"
    assert httpx.post(url, data={"name": "slt"}, files=files, timeout=DEADLINE_S).is_success

    def num_open() -> float:
        text = httpx.get(f"{server.url}/metrics", timeout=DEADLINE_S).text
        return float(re.findall(r"^speakersdk_streams_open (\S+)", text, re.MULTILINE)[0])

    with stream(server) as connection:
        connection.send('{"sample_rate_hz": 16000}')
        assert received(connection)["type"] == "ready"
        assert num_open() == 1
        for worker in workers_of(server):
            os.kill(worker, signal.SIGKILL)
        with pytest.raises(ConnectionClosed):
            connection.recv(DEADLINE_S)
    wait_until_ready(server)
    deadline = time.monotonic() + DEADLINE_S
    while num_open() and time.monotonic() < deadline:
        continue
    assert num_open() == 0
    assert server.stop() == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_no_request_is_lost_at_sigterm(start: Start, clip: Clip, workers: int) -> None:
    """Clients continue until they are told to leave; each of their requests is answered."""
    server = start("--workers", str(workers), "--drain", "3")
    probe = clip("slt-probe")
    answered, lost = [], []
    begun = threading.Barrier(9, timeout=DEADLINE_S)

    def ask() -> None:
        with httpx.Client(base_url=server.url, timeout=DEADLINE_S) as client:
            for number in range(1000):
                try:
                    answer = client.post("/v1/voice/embed", files={"audio": probe})
                except httpx.TransportError as error:
                    lost.append(repr(error))
                    return
                answered.append(answer.status_code)
                if answer.headers.get("connection") == "close":
                    return
                if number == 0:
                    begun.wait()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    begun.wait()
    status = server.stop()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert lost == []
    assert set(answered) == {200}
    assert len(answered) >= 2 * len(threads)
    assert status == 0


def workers_of(server: Server) -> list[int]:
    """Return the process ids of the workers."""
    parent = server.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [
        int(child)
        for child in children
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


HALF_OF_A_REQUEST = (
    b"POST /v1/voice/embed HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\nExpect: 100-continue\r\n\r\n"
)


def half_sent(port: int) -> socket.socket:
    """Return the connection of a client that has sent a part of a request, which is being read."""
    client = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
    client.sendall(HALF_OF_A_REQUEST)
    assert client.recv(1000).startswith(b"HTTP/1.1 100")
    client.sendall(b"--b\r\n")  # and nothing more
    return client


@pytest.mark.parametrize(
    ("workers", "number", "status"),
    [(1, signal.SIGTERM, 0), (2, signal.SIGTERM, 0), (1, signal.SIGINT, 130)],
)
def test_half_a_request_holds_the_end_for_a_short_time(
    tmp_path: Path, workers: int, number: signal.Signals, status: int
) -> None:
    with serving(tmp_path, workers) as process:
        assert process.stdout is not None
        port = int(re.findall(r":([0-9]+)", process.stdout.readline())[0])
        with half_sent(port) as silent, half_sent(port) as trickling:
            begin = time.monotonic()
            process.send_signal(number)
            while not select.select([trickling], [], [], 0.2)[0]:
                trickling.sendall(b"x")
            answers = [client.recv(1000) for client in (silent, trickling)]
            _, errors = process.communicate(timeout=DEADLINE_S)
    assert [answer.partition(b"\r\n")[0] for answer in answers] == [
        b"HTTP/1.1 503 Service Unavailable"
    ] * 2
    assert all(b"retry-after: 1\r\n" in answer for answer in answers)
    assert (process.returncode, errors) == (status, "")
    assert REST_S <= time.monotonic() - begin < 4 * REST_S  # without a limit, 30 s and 60 s


def test_an_answer_that_is_not_read_holds_the_end_for_a_short_time(tmp_path: Path) -> None:
    with serving(tmp_path, 1) as process:
        assert process.stdout is not None
        port = int(re.findall(r":([0-9]+)", process.stdout.readline())[0])
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as client:
            # The answers, of 1 MB each, are larger than the buffers of the system.
            request = b"GET /swagger/swagger-ui-bundle.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            client.sendall(50 * request)
            assert client.recv(12) == b"HTTP/1.1 200"
            begin = time.monotonic()
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (0, "")
    assert time.monotonic() - begin < 6 * REST_S  # without a limit, 60 s


def serving(folder: Path, workers: int) -> subprocess.Popen[str]:
    """Start a service in a process group of its own, with its messages in pipes."""
    command = [sys.executable, "-m", "speakersdk", "serve", "http", "--port", "0"]
    options = ["--voiceprints", str(folder), "--drain", "0", "--workers", str(workers)]
    return subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_at_any_time_gives_its_status_and_no_traceback(tmp_path: Path, workers: int) -> None:
    with serving(tmp_path, workers) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("listening on")
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, while all are starting
        _, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (130, "")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_ctrl_c_cuts_off_a_request_and_prints_nothing(
    tmp_path: Path, workers: int
) -> None:
    with serving(tmp_path, workers) as process:
        assert process.stdout is not None
        port = int(re.findall(r":([0-9]+)", process.stdout.readline())[0])
        with half_sent(port) as client:
            while process.poll() is None:  # the first one waits for the request
                process.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=2)
            with suppress(ConnectionResetError):
                assert b" 503 " not in client.recv(1000)  # it did not wait for the rest
        _, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (130, "")


@pytest.mark.skipif(sys.platform != "linux", reason="reads the masks from /proc")
def test_ctrl_c_reaches_no_worker(start: Start) -> None:
    """It would end one that just starts, for which its parent would wait two minutes."""
    server = start("--workers", "2")
    masks = []
    for worker in workers_of(server):
        status = Path(f"/proc/{worker}/status").read_text()
        masks.append(int(re.findall(r"SigBlk:\s*(\w+)", status)[0], 16))
    assert len(masks) == 2
    assert all(mask >> (signal.SIGINT - 1) & 1 for mask in masks)
    assert server.stop() == 0


def test_what_is_enrolled_outlives_the_server(start: Start, clip: Clip) -> None:
    first = start()
    files = {"audio": clip("slt-enroll-1")}
    httpx.post(
        f"{first.url}/v1/voice/register", data={"name": "slt"}, files=files, timeout=DEADLINE_S
    )
    assert first.stop() == 0
    second: Server = start(folder=first.folder)
    voices = httpx.get(f"{second.url}/v1/voice/voices", timeout=DEADLINE_S).json()["voices"]
    assert [each["name"] for each in voices] == ["slt"]


def test_a_port_in_use_is_one_line_that_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "http", "--port", str(port)]) == 2
    error = capsys.readouterr().err
    assert f"cannot listen on 127.0.0.1, port {port}: " in error
    assert "stop the program that listens there, or choose another address" in error
    assert error.count("\n") == 1


def test_an_address_of_another_machine_is_not_in_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("panel correct-horse-battery\n")
    keys.chmod(0o600)
    # 192.0.2.0/24 is for documentation: no machine has such an address.
    assert main(["serve", "http", "--host", "192.0.2.1", "--keys", str(keys)]) == 2
    error = capsys.readouterr().err
    assert "cannot listen on 192.0.2.1, port 8080: " in error
    assert "stop the program" not in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "70000"], "expected a port from 0 to 65535, got 70000"),
        (["--port", "-1"], "expected a port"),
        (["--host", "a" * 300], "expected a host name or an address with --host"),
        (["--max-upload", "nan"], "--max-upload"),
        (["--max-upload", "inf"], "--max-upload"),
        (["--drain", "nan"], "drain"),
        (["--limit", "0"], "at least 1 attempt"),
        (["--workers", "0"], "at least 1 worker"),
        (["--origin", "https://app.example/"], "without a path"),
        (["--origin", "app.example"], "as browsers send it"),
    ],
)
def test_a_wrong_option_is_one_line(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("panel correct-horse-battery\n")
    keys.chmod(0o600)
    assert main(["serve", "http", "--port", "0", "--keys", str(keys), *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
