"""The services behind this one: speech recognition and wake words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from wyoming.asr import Transcript
from wyoming.client import AsyncClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info

_CONNECT_S: Final = 10.0
_CLOSING_S: Final = 1.0


class UpstreamError(Exception):
    """A service behind this one cannot be reached, or gives no usable answer."""


@asynccontextmanager
async def connected(uri: str, read_s: float | None) -> AsyncIterator[AsyncClient]:
    """Open a connection to a service.

    Args:
        uri: address of the service.
        read_s: maximum wait for an event in seconds; None means no limit.

    Raises:
        UpstreamError: the service cannot be reached, or the connection breaks.
    """
    client = AsyncClient.from_uri(uri, connect_timeout=_CONNECT_S, read_timeout=read_s)
    try:
        await client.connect()
        try:
            yield client
        finally:
            # Closing waits for the service to read what was sent, which it may never do.
            with suppress(TimeoutError):
                await asyncio.wait_for(client.disconnect(), _CLOSING_S)
    except (OSError, TimeoutError) as error:
        raise UpstreamError(
            f"the service at {uri} cannot be used: {str(error) or 'it does not answer'}"
        ) from error


async def described(uri: str, read_s: float) -> Info:
    """Return the description of a service."""
    async with connected(uri, read_s) as client:
        await client.write_event(Describe().event())
        while True:
            event = await next_event(client, uri)
            if Info.is_type(event.type):
                with understood(uri):
                    return Info.from_event(event)


async def transcribed(uri: str, events: list[Event], read_s: float) -> Transcript:
    """Return the transcript of a request, given its events from transcribe to audio-stop.

    Args:
        uri: address of the service.
        events: the events.
        read_s: maximum wait in seconds until the service has read them, and for each answer.
    """
    async with connected(uri, read_s) as client:
        async with asyncio.timeout(read_s):
            for event in events:
                await client.write_event(event)
        while True:
            event = await next_event(client, uri)
            if Transcript.is_type(event.type):
                with understood(uri):
                    transcript = Transcript.from_event(event)
                    if not isinstance(transcript.text, str):  # the library does not check it
                        raise TypeError("expected a text")
                    return replace(transcript, context=context_of(event))


async def next_event(client: AsyncClient, uri: str) -> Event:
    """Read the next event of a service.

    Raises:
        UpstreamError: it is an error or no event, or the connection is closed.
    """
    with understood(uri):
        event = await client.read_event()
        if event is None:
            raise UpstreamError(f"the service at {uri} closed the connection without an answer")
        if Error.is_type(event.type):
            raise UpstreamError(f"the service at {uri}: {Error.from_event(event).text}")
    return event


def context_of(event: Event) -> dict[str, Any]:
    """Return the context in an answer; the library does not check its type."""
    return dict(event.data.get("context") or {})


@contextmanager
def understood(uri: str) -> Iterator[None]:
    """Read events in the block: what the library cannot read is a mistake of the service.

    Raises:
        UpstreamError: the service sent something else.
    """
    try:
        yield
    except (AttributeError, EOFError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise UpstreamError(
            f"the service at {uri} sent what is not an event of Wyoming; check its address"
        ) from error
