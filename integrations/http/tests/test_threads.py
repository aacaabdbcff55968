"""Limits of waiting requests, of pauses, and of streams."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvicorn
from running_server import DEADLINE_S, Server
from speakersdk_http.app import create_app
from speakersdk_http.settings import Settings
from speakersdk_http.threads import BusyError, RequestThreads
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from speakersdk import Verifier, VoiceprintStore

Start = Callable[..., Server]
OPENING = json.dumps({"sample_rate_hz": 16000})


def test_a_bounded_number_of_questions_waits() -> None:
    may_answer = threading.Event()

    async def ask() -> tuple[list[bool], int]:
        threads = RequestThreads(threads=1, maximum_waiting=2)
        asked = [
            asyncio.create_task(threads.run(partial(may_answer.wait, DEADLINE_S))) for _ in range(3)
        ]
        await asyncio.sleep(0)  # each task begins
        num_busy = 0
        for _ in range(2):
            try:
                await threads.run(bool)
            except BusyError:
                num_busy += 1
        may_answer.set()
        return list(await asyncio.gather(*asked)), num_busy

    assert asyncio.run(ask()) == ([True, True, True], 2)


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server in this process that waits 0.2 s for its clients."""
    folder: Path = tmp_path_factory.mktemp("impatient")
    settings = Settings(
        open_verifier=Verifier, open_store=partial(VoiceprintStore, folder), idle_s=0.2
    )
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(settings), log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(DEADLINE_S)


def test_a_body_that_does_not_come_is_not_awaited(impatient: str) -> None:
    address = urlsplit(f"//{impatient}")
    with socket.create_connection((address.hostname, address.port), DEADLINE_S) as client:
        head = f"POST /v1/voice/identify HTTP/1.1\r\nHost: {impatient}\r\nContent-Length: 9\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 408")


def test_a_stream_without_audio_is_ended(impatient: str) -> None:
    with connect(f"ws://{impatient}/v1/voice/stream", open_timeout=DEADLINE_S) as connection:
        error = json.loads(connection.recv(DEADLINE_S))["error"]
        assert "nothing came for 0.2 s" in error["message"]
        with pytest.raises(ConnectionClosed) as caught:
            connection.recv(DEADLINE_S)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1008


def test_streams_are_bounded_and_learn_of_the_end(start: Start, server: Server) -> None:
    one = start("--max-streams", "1", folder=server.folder)
    url = f"ws{one.url.removeprefix('http')}/v1/voice/stream"
    with connect(url, open_timeout=DEADLINE_S) as first:
        first.send(OPENING)
        assert json.loads(first.recv(DEADLINE_S))["type"] == "ready"
        with connect(url, open_timeout=DEADLINE_S) as second:
            assert "too many" in json.loads(second.recv(DEADLINE_S))["error"]["message"]
        assert one.stop() == 0
        with pytest.raises(ConnectionClosed) as caught:
            first.recv(DEADLINE_S)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1012


def test_a_stream_needs_a_key(start: Start, server: Server, tmp_path: Path) -> None:
    key = "correct-horse-battery"
    keys = tmp_path / "keys"
    keys.write_text(f"panel {key}")
    keys.chmod(0o600)
    guarded = start("--keys", str(keys), "--limit", "1", folder=server.folder)
    url = f"ws{guarded.url.removeprefix('http')}/v1/voice/stream"
    with pytest.raises(InvalidStatus) as refused:
        connect(url, open_timeout=DEADLINE_S)
    assert refused.value.response.status_code == 403
    headers = {"Authorization": f"Bearer {key}"}
    types = []
    for _ in range(2):  # an opened stream is an attempt until a speaker is accepted
        with connect(url, additional_headers=headers, open_timeout=DEADLINE_S) as connection:
            connection.send(OPENING)
            types.append(json.loads(connection.recv(DEADLINE_S))["type"])
    assert types == ["ready", "error"]
