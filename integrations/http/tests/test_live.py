"""Streams over WebSocket."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from running_server import CLIPS, DEADLINE_S, Server
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from speakersdk import Verifier, VoiceprintStore

EXAMPLE = Path(__file__).parents[1] / "examples" / "live_client.py"


def stream(server: Server) -> ClientConnection:
    url = f"ws{server.url.removeprefix('http')}/v1/voice/stream"
    return connect(url, open_timeout=DEADLINE_S, close_timeout=DEADLINE_S)


def received(connection: ClientConnection) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(connection.recv(DEADLINE_S))
    return document


def samples(voice: str) -> np.ndarray[Any, np.dtype[np.int16]]:
    return sf.read(CLIPS / f"{voice}-probe.flac", dtype="int16")[0]


@pytest.mark.parametrize("voice", ["slt", "rms"])
def test_updates_are_those_of_a_stream_of_the_sdk(server: Server, voice: str) -> None:
    audio = samples(voice)
    with stream(server) as connection:
        connection.send(json.dumps({"sample_rate_hz": 16000, "names": ["slt"]}))
        assert received(connection)["names"] == ["slt"]
        # Blocks of any size, and more than fit into the queue.
        for start in range(0, len(audio), 1234):
            connection.send(audio[start : start + 1234].tobytes())
        connection.send('{"type": "finish"}')
        updates = []
        while (document := received(connection))["type"] == "update":
            updates.append(document)
    assert document["type"] == "finished"
    verifier = Verifier()
    expected = verifier.stream([VoiceprintStore(server.folder).load("slt")])
    offline = [*expected.push(audio, sample_rate_hz=16000), *expected.finish()]
    assert [each["verdict"] for each in updates] == [each.verdict for each in offline]
    assert [each["speaker"] for each in updates] == [each.speaker for each in offline]
    assert [each["time_s"] for each in updates] == [each.time_s for each in offline]
    assert ("slt" in {each["speaker"] for each in updates}) == (voice == "slt")


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        (["{}"], "sample_rate_hz"),
        ([b"abcd"], "sample_rate_hz"),
        (['{"sample_rate_hz": 16000, "names": ["nobody"]}'], "no voiceprint named 'nobody'"),
        (['{"sample_rate_hz": 16000}', b"abc"], "whole 16-bit samples"),
        (['{"sample_rate_hz": 16000}', "stop"], "finish"),
        (['{"sample_rate_hz": 10}'], "sample_rate_hz between"),
        (['{"sample_rate_hz": 1e999}'], "sample_rate_hz between"),
        (['{"sample_rate_hz": NaN}'], "greater than 0"),
        ([json.dumps({"sample_rate_hz": 16000, "names": ["slt"] * 1001})], "at most 1000 items"),
    ],
)
def test_a_wrong_message_is_answered_and_ends_the_stream(
    server: Server, messages: list[str | bytes], message: str
) -> None:
    with stream(server) as connection:
        for each in messages:
            connection.send(each)
        document = received(connection)
        if len(messages) > 1:
            assert document["type"] == "ready"
            document = received(connection)
        assert document["type"] == "error"
        assert message in document["error"]["message"]
        with pytest.raises(ConnectionClosed):
            connection.recv(DEADLINE_S)


@pytest.mark.parametrize("opening", [b"ab", "[" * 9999, '{"sample_rate_hz": 16000'])
def test_an_opening_that_is_not_json_is_told_what_to_send(
    server: Server, opening: str | bytes
) -> None:
    with stream(server) as connection:
        connection.send(opening)
        message = received(connection)["error"]["message"]
    assert message.startswith('expected {"sample_rate_hz": 16000')
    assert message.endswith("; the message is not JSON")


def test_a_text_that_is_not_utf_8_leaves_no_traceback(
    start: Callable[..., Server], capfd: pytest.CaptureFixture[str]
) -> None:
    server = start()
    with stream(server) as connection:
        connection.send(b"\xff", text=True)
        with pytest.raises(ConnectionClosed):
            connection.recv(DEADLINE_S)
    assert server.stop() == 0
    errors = capfd.readouterr().err
    assert "Invalid UTF-8" in errors
    assert "Traceback" not in errors


def test_an_error_of_the_system_is_the_last_message_and_is_logged(
    start: Callable[..., Server], server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    limited = start("--limit", "3", folder=server.folder)
    counts = server.folder / ".clients"
    counts.touch()  # the counts of attempts belong into a folder of this name
    try:
        with stream(limited) as connection:
            connection.send('{"sample_rate_hz": 16000}')
            error = received(connection)["error"]
            with pytest.raises(ConnectionClosed) as closed:
                connection.recv(DEADLINE_S)
    finally:
        counts.unlink()
    assert (error["code"], error["message"]) == (1011, "the service failed; its log says why")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011
    assert limited.stop() == 0
    assert "FileExistsError: " in capfd.readouterr().err


def test_the_example_tells_who_speaks_or_what_is_missing(server: Server, tmp_path: Path) -> None:
    def run(recording: Path, url: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(EXAMPLE), str(recording), url]
        return subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=DEADLINE_S
        )

    clip = CLIPS / "slt-probe.flac"
    url = f"ws{server.url.removeprefix('http')}"
    done = run(clip, f"{url}/v1/voice/stream")
    assert (done.returncode, done.stdout.split()[-2:]) == (0, ["accept", "slt"])
    for recording, address in ((tmp_path / "none.wav", f"{url}/v1/voice/stream"), (clip, url)):
        done = run(recording, address)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].startswith("live_client.py: error: ")
        assert "Traceback" not in done.stderr


def test_the_example_says_in_one_line_why_the_service_ended_the_stream(
    start: Callable[..., Server],
) -> None:
    """Nobody is enrolled. The service closes the connection while the example sends."""
    url = f"ws{start().url.removeprefix('http')}/v1/voice/stream"
    command = [sys.executable, str(EXAMPLE), str(CLIPS / "slt-probe.flac"), url]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "nobody is enrolled" in done.stderr
