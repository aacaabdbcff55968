"""The enrolled people, as clients see them."""

from collections.abc import Callable
from pathlib import Path

from services import Service, spoken
from speakersdk_wyoming import identity
from wyoming.event import Event

from speakersdk import LastUses


def test_uses_are_recorded(
    start: Callable[..., Service], enrolled: Path, converse: Callable[..., list[Event]]
) -> None:
    service = start(enrolled)
    uses = LastUses(folder=service.folder)
    days = service.folder / ".uses.json"
    for names in (["slt"], None):
        days.unlink(missing_ok=True)
        converse(service, Event(identity.IDENTIFY, {"names": names}), *spoken("slt-probe"))
        assert uses.days().keys() == {"slt"}


def test_a_client_is_not_told_of_options_of_the_command_line(
    start: Callable[..., Service], enrolled: Path, converse: Callable[..., list[Event]]
) -> None:
    service = start(enrolled, "--enroll")
    (answer,) = converse(service, Event(identity.ENROLL, {"name": "slt"}), *spoken("rms-probe"))
    assert "unlike the other recordings" in answer.data["text"]
    assert "accept" not in answer.data["text"]
