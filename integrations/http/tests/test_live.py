"""Streams over WebSocket."""

import json
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from running_server import CLIPS, DEADLINE_S, Server
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from speakersdk import Verifier, VoiceprintStore


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
        (['{"sample_rate_hz": 10}', b"ab"], "rate"),
    ],
)
def test_a_wrong_message_is_answered_and_ends_the_stream(
    server: Server, messages: list[str | bytes], message: str
) -> None:
    with stream(server) as connection:
        for each in messages:
            connection.send(each)
        document = received(connection)
        if document["type"] == "ready":
            document = received(connection)
        assert document["type"] == "error"
        assert message in document["error"]["message"]
        with pytest.raises(ConnectionClosed):
            connection.recv(DEADLINE_S)
