"""One connection: it assigns events to requests, and reports errors as events."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Final

from wyoming.asr import Transcribe
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, async_read_event
from wyoming.info import Attribution, Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.server import AsyncEventHandler
from wyoming.wake import Detect

from speakersdk import EnrollmentError, SpeakerSdkError
from speakersdk_wyoming import identity
from speakersdk_wyoming.people import People
from speakersdk_wyoming.requests import (
    AudioRequest,
    Client,
    Enrollment,
    Identification,
    Transcription,
    WakeDetection,
    check_may_enroll,
    name_in,
)
from speakersdk_wyoming.settings import Settings
from speakersdk_wyoming.upstream import UpstreamError, described

_LONGEST_BYTES: Final = 1 << 24  # satellites send some kB in an event
_ATTRIBUTION: Final = Attribution(name="speakersdk", url="")
_REQUESTS: Final[dict[str, Callable[[Event, People, Settings, Client], AudioRequest]]] = {
    Transcribe().event().type: Transcription,
    Detect().event().type: WakeDetection,
    identity.IDENTIFY: Identification,
    identity.ENROLL: Enrollment,
}


class _BoundedReader:
    """The reader of a connection, which refuses to keep events of any size in memory."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.at_eof = reader.at_eof
        self.feed_eof = reader.feed_eof
        self.readline = reader.readline

    async def readexactly(self, num: int) -> bytes:
        """Read so many bytes.

        Raises:
            ValueError: they are too many, which ends the connection.
        """
        if num > _LONGEST_BYTES:
            raise ValueError(f"expected at most {_LONGEST_BYTES} bytes, got {num}")
        return await self._reader.readexactly(num)


class Connection(AsyncEventHandler):
    """The connection of a client. Events of unknown types are dropped, as in the protocol."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        people: People,
        settings: Settings,
    ) -> None:
        super().__init__(_BoundedReader(reader), writer)  # type: ignore[arg-type]
        self._people = people
        self._settings = settings
        self._client = Client(_name_of(writer), self.write_event)
        self._request: AudioRequest | None = None
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    async def run(self) -> None:
        """Handle events until the client leaves, or sends what is not an event."""
        self._is_running = True
        try:
            while self._is_running and (event := await self._next()) is not None:
                if not await self.handle_event(event):
                    break
        finally:
            await self.disconnect()
            self.writer.close()

    async def _next(self) -> Event | None:
        """Read an event; None if the client has left, or if the rest cannot be understood."""
        try:
            event = await async_read_event(self.reader)
            if event is None and self.reader.at_eof():
                return None
            if event is not None and isinstance(event.type, str) and isinstance(event.data, dict):
                return event
        except (AttributeError, KeyError, TypeError, RecursionError):
            pass  # JSON, but not that of an event
        except (EOFError, ConnectionError):
            return None
        text = f"expected an event with a type, data and at most {_LONGEST_BYTES} bytes"
        with suppress(ConnectionError):
            await self.write_event(Error(text, "MalformedEvent").event())
        return None

    async def handle_event(self, event: Event) -> bool:
        """Handle an event; False ends the connection."""
        self._is_idle.clear()
        try:
            await self._handle(event)
        except ConnectionError:
            return False  # the client has left
        except (SpeakerSdkError, UpstreamError, OSError, KeyError, UnicodeError) as error:
            await self._end_request()
            return await self._refuse(error)
        finally:
            self._is_idle.set()
        return True

    async def _refuse(self, error: Exception) -> bool:
        """Report an error to the client; False if the client has left."""
        text = str(error)
        if isinstance(error, KeyError):
            text = f"expected the field {error}"
        elif isinstance(error, EnrollmentError):
            text = error.findings
        try:
            await self.write_event(Error(" ".join(text.split()), type(error).__name__).event())
        except ConnectionError:
            return False
        return True

    async def disconnect(self) -> None:
        """Close the open request of the client."""
        await self._end_request()

    async def stop(self) -> None:
        """End the connection after the current answer."""
        await self._is_idle.wait()
        await super().stop()

    async def _handle(self, event: Event) -> None:
        kind = event.type
        if Describe.is_type(kind):
            await self.write_event(await self._info())
        elif Ping.is_type(kind):
            await self.write_event(Pong(text=Ping.from_event(event).text).event())
        elif kind == identity.DELETE:
            check_may_enroll(self._settings)
            name = name_in(event)
            await asyncio.to_thread(self._people.delete, name)
            await self.write_event(identity.deleted(name))
        elif kind in _REQUESTS:
            await self._end_request()
            make = _REQUESTS[kind]
            self._request = make(event, self._people, self._settings, self._client)
        elif (
            self._request is not None
            and any(each.is_type(kind) for each in (AudioStart, AudioChunk, AudioStop))
            and await self._request.take(event)
        ):
            await self._end_request()

    async def _end_request(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            await request.close()

    async def _info(self) -> Event:
        """Describe the services behind this one, and the enrolled people."""
        settings = self._settings
        info = Info()
        if settings.asr is not None:
            behind = await described(settings.asr, settings.upstream_s)
            info.asr = [
                replace(each, description=f"{each.description or each.name}, with who spoke",
                        supports_transcript_streaming=False)
                for each in behind.asr
            ]  # fmt: skip
        if settings.wake is not None:
            info.wake = (await described(settings.wake, settings.upstream_s)).wake
        event = info.event()
        names = await asyncio.to_thread(self._people.names)
        event.data["identity"] = [self._identity_program(names)]
        return event

    def _identity_program(self, names: tuple[str, ...]) -> dict[str, Any]:
        release = version("speakersdk-wyoming")
        artifact = {
            "attribution": _ATTRIBUTION.to_dict(),
            "installed": True,
            "description": "who speaks, at a requested false-accept rate",
            "version": release,
        }
        identities = [{"name": name} for name in names]
        model = {"name": self._people.model, **artifact, "identities": identities}
        return {"name": "speakersdk", **artifact, "models": [model]}


def _name_of(writer: asyncio.StreamWriter) -> str:
    """Return a name of the client that attempts may be counted for."""
    peer = writer.get_extra_info("peername")  # empty for a client of this machine
    # Names have none of the marks of IPv6 addresses.
    return f"address {re.sub('[:%]', '-', peer[0])}" if peer else "local"
