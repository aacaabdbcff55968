"""The proposed events of identity: requests to identify, enroll and delete a speaker, and answers.

    identify {"names": ["ann"]}    then audio; without names, everybody is a candidate
    enroll   {"name": "ann"}       then audio; adds to the speaker if there is one of that name
    delete   {"name": "ann"}

The audio is audio-start, audio-chunk and audio-stop. Source:
https://github.com/OHF-Voice/wyoming/pull/50, which is not part of the protocol yet. Clients that do
not know these events drop them.
"""

from __future__ import annotations

from typing import Any, Final

from wyoming.event import Event

IDENTIFY: Final = "identify"
IDENTIFIED: Final = "identified"
NOT_IDENTIFIED: Final = "not-identified"
ENROLL: Final = "enroll"
ENROLLED: Final = "enrolled"
DELETE: Final = "delete"
DELETED: Final = "deleted"


def identified(name: str, confidence: float | None, context: dict[str, Any]) -> Event:
    """Return the answer for a known speaker; `confidence` is a probability."""
    return Event(IDENTIFIED, {"name": name, "confidence": confidence, "context": context})


def not_identified(context: dict[str, Any]) -> Event:
    """Return the answer for an unknown speaker, or for audio without a decision."""
    return Event(NOT_IDENTIFIED, {"context": context})


def enrolled(name: str, model: str) -> Event:
    """Return the answer to `enroll`."""
    return Event(ENROLLED, {"name": name, "model": model})


def deleted(name: str) -> Event:
    """Return the answer to `delete`."""
    return Event(DELETED, {"name": name})
