"""Requests that are followed by audio: the processing of each chunk, and the final answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStop
from wyoming.client import AsyncClient
from wyoming.event import Event
from wyoming.wake import Detection, NotDetected

from speakersdk import ConfigError
from speakersdk_wyoming import identity
from speakersdk_wyoming.audio import LastSeconds, Recording
from speakersdk_wyoming.people import People, Speaker
from speakersdk_wyoming.settings import Settings
from speakersdk_wyoming.upstream import (
    UpstreamError,
    connected,
    context_of,
    next_event,
    transcribed,
    understood,
)

# Events that wait for a service behind: satellites send 16 to 50 per second.
_MOST_WAITING: Final = 1000
_MOST_NAMES: Final = 1000
_SHOWN: Final = 200  # characters of a message that quotes a client


@dataclass(frozen=True, slots=True)
class Client:
    """A client.

    Attributes:
        name: its address, or "local".
        write: sends it an event.
    """

    name: str
    write: Callable[[Event], Awaitable[None]]


def check_may_enroll(settings: Settings) -> None:
    """Raise ConfigError unless clients may enroll and delete."""
    if not settings.may_enroll:
        raise ConfigError(
            "enroll and delete are switched off, because Wyoming has no passwords; start with "
            "--enroll, or use the command speakersdk enroll"
        )


def name_in(request: Event) -> str:
    """Return the name in a request to enroll or delete a speaker.

    Raises:
        KeyError: there is none.
        ConfigError: it is not a text.
    """
    name = request.data["name"]
    if not isinstance(name, str):
        raise ConfigError(f"expected name to be a text, got {name!r}")
    return name


def _is_text(value: object) -> bool:
    return isinstance(value, str)


class AudioRequest(Protocol):
    """A request that is followed by audio."""

    async def take(self, event: Event) -> bool:
        """Take an event of the audio, and return whether the request is answered."""

    async def close(self) -> None:
        """Close connections, after the answer or when the client has left."""


class RecordedRequest:
    """A request that is answered when its audio is complete."""

    def __init__(self, people: People, settings: Settings, client: Client) -> None:
        self._people = people
        self._client = client
        self._recording = Recording(settings.limit_s)

    async def take(self, event: Event) -> bool:
        """Keep the audio, and answer at its end."""
        if AudioChunk.is_type(event.type):
            self._recording.add(AudioChunk.from_event(event))
        if not AudioStop.is_type(event.type):
            return False
        await self._answer()
        return True

    async def close(self) -> None:
        """Do nothing, because no connection is open."""

    async def _answer(self) -> None:
        """Answer with the recording, in the way of each kind of request."""
        raise NotImplementedError


class Transcription(RecordedRequest):
    """Speech recognition by the service behind this one, with the speaker's name.

    The service behind gets the audio only if its words are not withheld.
    """

    def __init__(self, request: Event, people: People, settings: Settings, client: Client) -> None:
        super().__init__(people, settings, client)
        self._events = [request]
        self._settings = settings

    async def take(self, event: Event) -> bool:
        """Keep the event for the service behind, and take it."""
        self._events.append(event)
        return await super().take(event)

    async def _answer(self) -> None:
        speaker = await asyncio.to_thread(lambda: self._people.who(self._recording.waveform()))
        settings = self._settings
        if settings.withhold.applies_to(speaker.verdict):
            transcript = Transcript("")
        elif settings.asr is None:
            raise UpstreamError("no speech recognition is configured; start with --asr URI")
        else:
            transcript = await transcribed(settings.asr, self._events, settings.upstream_s)
        if settings.is_tagged and speaker.name is not None and transcript.text:
            transcript = replace(transcript, text=f"[{speaker.name}] {transcript.text.lstrip()}")
        context = {**(transcript.context or {}), **speaker.context}
        await self._client.write(replace(transcript, context=context).event())


class Identification(RecordedRequest):
    """The proposed request `identify`."""

    def __init__(self, request: Event, people: People, settings: Settings, client: Client) -> None:
        super().__init__(people, settings, client)
        names = request.data.get("names")
        if names is not None and not (isinstance(names, list) and all(map(_is_text, names))):
            raise ConfigError(f"expected names to be a list of texts, got {names!r}"[:_SHOWN])
        if names is not None and len(names) > _MOST_NAMES:
            raise ConfigError(f"expected at most {_MOST_NAMES} names, got {len(names)}")
        self._names: list[str] | None = names

    async def _answer(self) -> None:
        speaker = await asyncio.to_thread(self._identified)
        if speaker.name is None:
            await self._client.write(identity.not_identified(speaker.context))
        else:
            answer = identity.identified(speaker.name, speaker.probability, speaker.context)
            await self._client.write(answer)

    def _identified(self) -> Speaker:
        probe = self._recording.waveform()
        return self._people.identify(probe, self._names, client=self._client.name)


class Enrollment(RecordedRequest):
    """The proposed request `enroll`."""

    def __init__(self, request: Event, people: People, settings: Settings, client: Client) -> None:
        super().__init__(people, settings, client)
        check_may_enroll(settings)
        self._name = name_in(request)

    async def _answer(self) -> None:
        await asyncio.to_thread(lambda: self._people.enroll(self._name, self._recording.waveform()))
        await self._client.write(identity.enrolled(self._name, self._people.model))


class WakeDetection:
    """Wake words of the service behind this one, with the names of the speakers."""

    def __init__(self, request: Event, people: People, settings: Settings, client: Client) -> None:
        if settings.wake is None:
            raise UpstreamError("no wake word detection is configured; start with --wake URI")
        self._request = request
        self._uri = settings.wake
        self._people = people
        self._settings = settings
        self._client = client
        self._recent = LastSeconds(settings.wake_s)
        self._forwarded: asyncio.Queue[Event] = asyncio.Queue(_MOST_WAITING)
        self._conversation: asyncio.Task[None] | None = None
        self._has_detected = self._is_stopped = False
        self._is_answered = asyncio.Event()
        self._is_answered.set()

    async def take(self, event: Event) -> bool:
        """Forward the audio, and answer detections as they arrive."""
        if self._conversation is None:
            self._conversation = asyncio.create_task(self._converse())
        if self._conversation.done():
            self._conversation.result()  # raises the error that ended it
            return True
        if AudioChunk.is_type(event.type):
            self._recent.add(AudioChunk.from_event(event))
        if self._forwarded.full():
            raise UpstreamError(f"the service at {self._uri} takes no more audio; restart it")
        self._forwarded.put_nowait(event)
        if not AudioStop.is_type(event.type):
            return False
        self._is_stopped = True
        if self._has_detected:  # the service may send nothing more
            await self._is_answered.wait()
            return True
        try:
            await asyncio.wait_for(self._conversation, self._settings.upstream_s)
        except TimeoutError as error:
            raise UpstreamError(f"the service at {self._uri} does not answer") from error
        return True

    async def close(self) -> None:
        """Close the connection to the service behind."""
        if self._conversation is None:
            return
        self._conversation.cancel()
        await asyncio.gather(self._conversation, return_exceptions=True)

    async def _converse(self) -> None:
        async with connected(self._uri, None) as client:
            await client.write_event(self._request)
            sender = asyncio.create_task(self._send(client))
            try:
                await self._answer(client)
            finally:
                sender.cancel()

    async def _answer(self, service: AsyncClient) -> None:
        """Answer with what the service behind finds, until it has nothing more to find."""
        while True:
            event = await next_event(service, self._uri)
            if Detection.is_type(event.type):
                with understood(self._uri):
                    detection = replace(Detection.from_event(event), context=context_of(event))
                await self._detected(detection)
                if self._is_stopped:
                    return
            elif NotDetected.is_type(event.type):
                await self._client.write(event)
                return

    async def _send(self, client: AsyncClient) -> None:
        while True:
            await client.write_event(await self._forwarded.get())

    async def _detected(self, detection: Detection) -> None:
        self._has_detected = True
        self._is_answered.clear()
        try:
            speaker = await asyncio.to_thread(self._people.who, self._recent.waveform())
            if not self._settings.withhold.applies_to(speaker.verdict):
                context = {**(detection.context or {}), **speaker.context}
                identified = replace(detection, speaker=speaker.name, context=context)
                await self._client.write(identified.event())
        finally:
            self._is_answered.set()
