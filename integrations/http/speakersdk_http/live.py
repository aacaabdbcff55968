"""Streams over WebSocket: blocks of PCM in, an update per hop out.

    client: {"sample_rate_hz": 16000, "names": ["ann"]}    without names: everybody
    server: {"type": "ready", ...}
    client: binary messages, 16-bit little-endian mono samples, any number
    server: {"type": "update", ...} for each completed hop
    client: {"type": "finish"}
    server: the last updates, {"type": "finished", "duration_s": ...}, close

An error is the last message: {"type": "error", "error": {...}}.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from fastapi import WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from speakersdk import (
    AttemptLimit,
    ConfigError,
    SpeakerSdkError,
    SpeakerStream,
    StreamUpdate,
    Verdict,
)
from speakersdk_http.metrics import Metrics
from speakersdk_http.problems import log_failure, message_of, status_of
from speakersdk_http.questions import first_problem
from speakersdk_http.service import SpeakerService
from speakersdk_http.settings import Settings

_NORMAL: Final = 1000
_POLICY_VIOLATION: Final = 1008
_INTERNAL_ERROR: Final = 1011
_TRY_AGAIN_LATER: Final = 1013
_SAMPLE_BYTES: Final = 2
_MOST_NAMES: Final = 1000
_NOT_UTF_8: Final = "Invalid UTF-8 sequence received from client."


def without_traceback(record: logging.LogRecord) -> bool:
    """Filter of the server's log: a text that is not UTF-8 is a client's mistake, and one line."""
    if record.getMessage() == _NOT_UTF_8:
        record.exc_info = None
    return True


class Opening(BaseModel):
    """The first message of a client."""

    model_config = ConfigDict(extra="forbid")

    sample_rate_hz: float = Field(gt=0)
    names: list[str] | None = Field(None, min_length=1, max_length=_MOST_NAMES)


class LiveStreams:
    """The open streams of a worker."""

    def __init__(self, service: SpeakerService, settings: Settings, metrics: Metrics) -> None:
        self._service = service
        self._settings = settings
        self._metrics = metrics
        self._num_open = 0

    async def serve(self, socket: WebSocket) -> None:
        """Serve one client until it finishes, leaves, or makes a mistake."""
        await socket.accept()
        if self._num_open >= self._settings.maximum_streams:
            many = ConfigError("too many open streams; try again later")
            await _refuse(socket, many, _TRY_AGAIN_LATER)
            return
        self._num_open += 1
        self._metrics.streams.inc()
        try:
            await self._converse(socket)
        except WebSocketDisconnect:
            pass
        except (SpeakerSdkError, OSError) as error:
            log_failure(error)
            code = _INTERNAL_ERROR if status_of(error) >= 500 else _POLICY_VIOLATION
            await _refuse(socket, error, code)
        finally:
            self._num_open -= 1
            self._metrics.streams.dec()

    async def _converse(self, socket: WebSocket) -> None:
        opening = _opening(await self._receive(socket))
        service = self._service
        voiceprints = await run_in_threadpool(service.enrolled, opening.names)
        verdicts = _Verdicts(service.client_limit, socket.scope["client_name"], self._metrics)
        await run_in_threadpool(verdicts.begin)
        stream: SpeakerStream = await run_in_threadpool(service.verifier.stream, voiceprints)
        with stream:
            # Refuses what is not a rate, before the client sends samples.
            stream.push(_samples(b""), sample_rate_hz=opening.sample_rate_hz)
            await socket.send_json(
                {
                    "type": "ready",
                    "model": service.model,
                    "far": service.far,
                    "hop_s": service.verifier.manifest.hop_s,
                    "names": [voiceprint.name for voiceprint in voiceprints],
                }
            )
            while True:
                message = await self._receive(socket)
                block = message.get("bytes")
                if block is None:
                    _check_finish(message.get("text"))
                    updates = await run_in_threadpool(stream.finish)
                else:
                    samples = _samples(block)
                    updates = await run_in_threadpool(
                        stream.push, samples, sample_rate_hz=opening.sample_rate_hz
                    )
                for update in updates:
                    await run_in_threadpool(verdicts.take, update)
                    await socket.send_json(_document(update))
                if block is None:
                    await socket.send_json({"type": "finished", "duration_s": stream.duration_s})
                    await socket.close(_NORMAL)
                    return

    async def _receive(self, socket: WebSocket) -> dict[str, Any]:
        """Receive the next message of the client.

        Raises:
            ConfigError: no message arrived for too long.
            WebSocketDisconnect: the client has left.
        """
        idle_s = self._settings.idle_s
        try:
            message = dict(await asyncio.wait_for(socket.receive(), idle_s))
        except TimeoutError:
            raise ConfigError(f"nothing came for {idle_s:g} s; connect again") from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", _NORMAL))
        return message


class _Verdicts:
    """A counter of the verdicts of a stream, in which each rejected turn is an attempt."""

    def __init__(self, limit: AttemptLimit, client: str, metrics: Metrics) -> None:
        self._limit = limit
        self._client = client
        self._metrics = metrics
        self._last = Verdict.NO_SPEECH

    def begin(self) -> None:
        """Begin an attempt.

        Raises:
            AttemptLimitError: the client has to wait.
        """
        self._limit.begin(self._client)

    def take(self, update: StreamUpdate) -> None:
        """Count the verdict of an update, if it is new."""
        verdict = update.verdict
        if verdict is self._last:
            return
        self._last = verdict
        if verdict in {Verdict.ACCEPT, Verdict.REJECT}:
            self._metrics.verdicts.labels("stream", verdict.value).inc()
        if verdict is Verdict.REJECT:
            self.begin()
        elif verdict is Verdict.ACCEPT:
            self._limit.accepted(self._client)


def _opening(message: dict[str, Any]) -> Opening:
    try:
        return Opening.model_validate_json(message.get("text") or "")
    except ValidationError as error:
        raise ConfigError(
            'expected {"sample_rate_hz": 16000, "names": [...]} first, with names optional; '
            f"{first_problem(error, without_json='the message is not JSON')}"
        ) from None


def _check_finish(text: str | None) -> None:
    if text is None or "".join(text.split()) != '{"type":"finish"}':
        raise ConfigError('expected blocks of samples, or {"type": "finish"}')


def _samples(block: bytes) -> npt.NDArray[np.int16]:
    """Return the samples of a block: (n,) int16."""
    if len(block) % _SAMPLE_BYTES:
        raise ConfigError(
            f"expected whole 16-bit samples, got {len(block)} bytes; cut blocks between samples"
        )
    return np.frombuffer(block, "<i2")


def _document(update: StreamUpdate) -> dict[str, Any]:
    """Return the JSON of an update, without counters of a microphone."""
    fields = asdict(update)
    del fields["capture"], fields["lost_s"]
    return {"type": "update", **fields}


async def _refuse(socket: WebSocket, error: Exception, code: int) -> None:
    """Report the error and close the connection, which the client may already have closed."""
    content = {"message": message_of(error), "type": type(error).__name__, "code": code}
    try:
        await socket.send_json({"type": "error", "error": content})
        await socket.close(code)
    except (WebSocketDisconnect, RuntimeError):
        return
