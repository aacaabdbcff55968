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
    """Which speaker is in the audio that follows?

    Attributes:
        name: name of the model; there is one.
        names: candidates; None = everybody who is enrolled.
    """

    name: str | None = None
    names: list[str] | None = None

    def event(self) -> Event:
        """The event that is sent."""
        return Event(IDENTIFY, {"name": self.name, "names": self.names})

    @staticmethod
    def is_type(event_type: str) -> bool:
        """Whether an event is one of this class."""
        return event_type == IDENTIFY

    @staticmethod
    def from_event(event: Event) -> Identify:
        """The request in an event."""
        return Identify(name=event.data.get("name"), names=event.data.get("names"))


@dataclass
class Enroll(Eventable):
    """Enroll a speaker from the audio that follows, or add it to an enrolled one.

    Attributes:
        name: of the speaker.
        model: name of the model; there is one.
    """

    name: str
    model: str | None = None

    def event(self) -> Event:
        """The event that is sent."""
        return Event(ENROLL, {"name": self.name, "model": self.model})

    @staticmethod
    def is_type(event_type: str) -> bool:
        """Whether an event is one of this class."""
        return event_type == ENROLL

    @staticmethod
    def from_event(event: Event) -> Enroll:
        """The request in an event."""
        return Enroll(name=event.data["name"], model=event.data.get("model"))


@dataclass
class Delete(Eventable):
    """Delete a speaker's voiceprint."""

    name: str

    def event(self) -> Event:
        """The event that is sent."""
        return Event(DELETE, {"name": self.name})

    @staticmethod
    def is_type(event_type: str) -> bool:
        """Whether an event is one of this class."""
        return event_type == DELETE

    @staticmethod
    def from_event(event: Event) -> Delete:
        """The request in an event."""
        return Delete(name=event.data["name"])


def identified(name: str, confidence: float | None, context: dict[str, Any]) -> Event:
    """The answer for a known speaker; `confidence` is a probability."""
    return Event(IDENTIFIED, {"name": name, "confidence": confidence, "context": context})


def not_identified(context: dict[str, Any]) -> Event:
    """The answer for an unknown speaker, or for audio that gives no answer."""
    return Event(NOT_IDENTIFIED, {"context": context})


def enrolled(name: str, model: str) -> Event:
    """The answer to `Enroll`."""
    return Event(ENROLLED, {"name": name, "model": model})


def deleted(name: str) -> Event:
    """The answer to `Delete`."""
    return Event(DELETED, {"name": name})
