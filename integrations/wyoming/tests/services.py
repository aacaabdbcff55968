"""Real Wyoming services for the tests: the service, and the services behind it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import soundfile as sf
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncClient
from wyoming.event import Event
from wyoming.info import AsrModel, AsrProgram, Attribution, Describe, Info, WakeModel, WakeProgram
from wyoming.ping import Ping
from wyoming.server import AsyncEventHandler, AsyncServer
from wyoming.wake import Detect, Detection, NotDetected

import speakersdk.demo_clips

CLIPS = Path(speakersdk.demo_clips.__file__).parent
# For a busy machine.
DEADLINE_S = 120.0
_ATTRIBUTION = Attribution(name="test", url="")
_ARTIFACT = {"attribution": _ATTRIBUTION, "installed": True, "description": None, "version": "1"}


@dataclass
class Behind:
    """The requests to a service behind, and when it may answer.

    Attributes:
        uri: its address.
        received_bytes: audio of every finished request.
        languages: requested languages.
        may_answer: transcripts wait for this event.
        is_asked: set while a transcript waits.
    """

    uri: str
    received_bytes: list[int]
    languages: list[str | None]
    may_answer: threading.Event
    is_asked: threading.Event


class SpeechRecognition(AsyncEventHandler):
    """Transcribes everything as "turn on the light"."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, behind: Behind
    ) -> None:
        super().__init__(reader, writer)
        self._behind = behind
        self._num_bytes = 0
        self._language: str | None = None

    async def handle_event(self, event: Event) -> bool:
        """Answer describe and audio-stop."""
        if Describe.is_type(event.type):
            model = AsrModel(name="fixed", languages=["en"], **_ARTIFACT)
            asr = AsrProgram(name="fixed-asr", models=[model], **_ARTIFACT)
            await self.write_event(Info(asr=[asr]).event())
        elif Transcribe.is_type(event.type):
            self._behind.languages.append(Transcribe.from_event(event).language)
        elif AudioChunk.is_type(event.type):
            self._num_bytes += len(AudioChunk.from_event(event).audio)
        elif AudioStop.is_type(event.type):
            self._behind.received_bytes.append(self._num_bytes)
            self._behind.is_asked.set()
            if not await asyncio.to_thread(self._behind.may_answer.wait, DEADLINE_S):
                raise TimeoutError("the test did not let the service answer")
            context = {"engine": "fixed"}
            answer = Transcript("turn on the light", language="en", context=context)
            await self.write_event(answer.event())
        return True


class WakeWords(AsyncEventHandler):
    """Detects a wake word after each 2 s of audio."""

    _SECONDS = 2.0

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, **_: object
    ) -> None:
        super().__init__(reader, writer)
        self._received_s = 0.0
        self._is_detected = False

    async def handle_event(self, event: Event) -> bool:
        """Answer describe, audio and audio-stop."""
        if Describe.is_type(event.type):
            model = WakeModel(name="ok", languages=["en"], phrase="ok", **_ARTIFACT)
            wake = WakeProgram(name="timer", models=[model], **_ARTIFACT)
            await self.write_event(Info(wake=[wake]).event())
        elif Detect.is_type(event.type):
            self._received_s = 0.0
        elif AudioChunk.is_type(event.type):
            self._received_s += AudioChunk.from_event(event).seconds
            if self._received_s >= self._SECONDS and not self._is_detected:
                self._is_detected = True
                await self.write_event(Detection(name="ok", timestamp=7).event())
        elif AudioStop.is_type(event.type) and not self._is_detected:
            await self.write_event(NotDetected().event())
        return True


class BehindThread:
    """A service behind, in a thread with an event loop of its own."""

    def __init__(self, handler: Callable[..., AsyncEventHandler], path: Path) -> None:
        self.behind = Behind(f"unix://{path}", [], [], threading.Event(), threading.Event())
        self.behind.may_answer.set()
        self._handler = handler
        self._loop = asyncio.new_event_loop()
        self._is_ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> Behind:
        self._thread.start()
        if not self._is_ready.wait(DEADLINE_S):
            raise TimeoutError("the service was not ready")
        return self.behind

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(DEADLINE_S)
        self._loop.close()

    async def _serve(self) -> None:
        server = AsyncServer.from_uri(self.behind.uri)
        await server.start(partial(self._handler, behind=self.behind))
        self._is_ready.set()
        await self._stop.wait()
        await server.stop()
        # The handlers' tasks end when their connections are closed.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait(others, timeout=DEADLINE_S) if others else None


@dataclass
class Service:
    """`speakersdk serve wyoming` in another process."""

    uri: str
    process: subprocess.Popen[bytes]
    folder: Path

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Send SIGTERM and return the exit status."""
        self.terminate()
        return self.process.wait(DEADLINE_S)


def started(path: Path, folder: Path, *options: str) -> Service:
    """Start a service that answers."""
    uri = f"unix://{path}"
    process = subprocess.Popen(
        [sys.executable, "-m", "speakersdk", "serve", "wyoming", "--uri", uri,
         "--voiceprints", str(folder), *options],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    service = Service(uri, process, folder)
    asyncio.run(_answered(service))
    return service


async def _answered(service: Service) -> None:
    """Wait until the service answers a ping."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if service.process.poll() is not None:
            raise RuntimeError("the service has ended")
        try:
            async with AsyncClient.from_uri(service.uri, read_timeout=DEADLINE_S) as client:
                await client.write_event(Ping().event())
                if await client.read_event() is None:
                    raise RuntimeError("the service closed the connection")
                return
        except OSError:  # not listening yet
            await asyncio.sleep(0.02)
    raise TimeoutError(f"the service was not ready after {DEADLINE_S:g} s")


def spoken(clip: str, *, rate_hz: int = 16000) -> list[Event]:
    """Yield the events of a clip, from audio-start to audio-stop, in chunks of 1024 samples."""
    samples, _ = sf.read(CLIPS / f"{clip}.flac", dtype="int16")
    if rate_hz == 48000:  # roughly: each sample three times
        samples = samples.repeat(3)
    pcm, step = samples.tobytes(), 2048
    chunks = [
        Event("audio-chunk", {"rate": rate_hz, "width": 2, "channels": 1}, pcm[at : at + step])
        for at in range(0, len(pcm), step)
    ]
    return [AudioStart(rate_hz, 2, 1).event(), *chunks, AudioStop().event()]
