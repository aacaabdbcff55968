"""The proposed events of identity: identify, enroll and delete a speaker.

https://github.com/OHF-Voice/wyoming/pull/50, which is not part of the protocol yet. Clients that do
not know these events drop them. An `identify` or `enroll` is followed by audio-start, audio-chunk
and audio-stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from wyoming.event import Event, Eventable

IDENTIFY: Final = "identify"
IDENTIFIED: Final = "identified"
NOT_IDENTIFIED: Final = "not-identified"
ENROLL: Final = "enroll"
ENROLLED: Final = "enrolled"
DELETE: Final = "delete"
DELETED: Final = "deleted"


@dataclass
class Identify(Eventable):
    """A request to identify the speaker in the audio that follows.

    Attributes:
        name: name of the model; there is one.
        names: candidates; None means all enrolled speakers.
    """

    name: str | None = None
    names: list[str] | None = None

    def event(self) -> Event:
        """Return the event to send."""
        return Event(IDENTIFY, {"name": self.name, "names": self.names})

    @staticmethod
    def is_type(event_type: str) -> bool:
        """Return whether an event belongs to this class."""
        return event_type == IDENTIFY

    @staticmethod
    def from_event(event: Event) -> Identify:
        """Return the request in an event."""
        return Identify(name=event.data.get("name"), names=event.data.get("names"))


@dataclass
class Enroll(Eventable):
    """A request to enroll a speaker from the audio that follows, or to add it to one.

    Attributes:
        name: name of the speaker.
        model: name of the model; there is one.
    """

    name: str
    model: str | None = None

    def event(self) -> Event:
        """Return the event to send."""
        return Event(ENROLL, {"name": self.name, "model": self.model})

    @staticmethod
    def is_type(event_type: str) -> bool:
        """Return whether an event belongs to this class."""
        return event_type == ENROLL

    @staticmethod
    def from_event(event: Event) -> Enroll:
        """Return the request in an event."""
        return Enroll(name=event.data["name"], model=event.data.get("model"))


@dataclass
class Delete(Eventable):
    """A request to delete a speaker's voiceprint."""

    name: str

    def event(self) -> Event:
        """Return the event to send."""
        return Event(DELETE, {"name": self.name})

    @staticmethod
    def is_type(event_type: str) -> bool:
        """Return whether an event belongs to this class."""
        return event_type == DELETE

    @staticmethod
    def from_event(event: Event) -> Delete:
        """Return the request in an event."""
        return Delete(name=event.data["name"])


def identified(name: str, confidence: float | None, context: dict[str, Any]) -> Event:
    """Return the answer for a known speaker; `confidence` is a probability."""
    return Event(IDENTIFIED, {"name": name, "confidence": confidence, "context": context})


def not_identified(context: dict[str, Any]) -> Event:
    """Return the answer for an unknown speaker, or for audio without a decision."""
    return Event(NOT_IDENTIFIED, {"context": context})


def enrolled(name: str, model: str) -> Event:
    """Return the answer to `Enroll`."""
    return Event(ENROLLED, {"name": name, "model": model})


def deleted(name: str) -> Event:
    """Return the answer to `Delete`."""
    return Event(DELETED, {"name": name})
