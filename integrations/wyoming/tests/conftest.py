"""Services, and conversations with them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from services import (
    CLIPS,
    DEADLINE_S,
    Behind,
    BehindThread,
    Service,
    SpeechRecognition,
    WakeWords,
    started,
)
from wyoming.client import AsyncClient
from wyoming.event import Event

from speakersdk import Verifier, VoiceprintStore

Converse = Callable[..., list[Event]]


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder with a short path: those of sockets have at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="spkw-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def asr(short_folder: Path) -> Iterator[Behind]:
    """A speech recognition."""
    with BehindThread(SpeechRecognition, short_folder / "asr") as behind:
        yield behind


@pytest.fixture(scope="session")
def wake(short_folder: Path) -> Iterator[Behind]:
    """A wake word detection."""
    with BehindThread(WakeWords, short_folder / "wake") as behind:
        yield behind


@pytest.fixture(scope="session")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which slt is enrolled."""
    folder = tmp_path_factory.mktemp("voiceprints")
    clips = [CLIPS / "slt-enroll-1.flac", CLIPS / "slt-enroll-2.flac"]
    VoiceprintStore(folder).save(Verifier().enroll(clips, name="slt"))
    return folder


@pytest.fixture(scope="session")
def start(short_folder: Path) -> Iterator[Callable[..., Service]]:
    """Start services; they end with the tests."""
    services: list[Service] = []

    def start_one(folder: Path, *options: str) -> Service:
        path = short_folder / f"service-{len(services)}"
        services.append(started(path, folder, *options))
        return services[-1]

    yield start_one
    for service in services:
        if service.process.poll() is None:
            service.stop()


@pytest.fixture
def converse() -> Converse:
    """Send events on one connection and return the first answers."""

    async def sent(uri: str, events: list[Event], num: int) -> list[Event]:
        async with AsyncClient.from_uri(uri, read_timeout=DEADLINE_S) as client:
            for event in events:
                await client.write_event(event)
            answers = [await client.read_event() for _ in range(num)]
        assert None not in answers
        return [answer for answer in answers if answer is not None]

    def answers(service: Service, *events: Event, num: int = 1) -> list[Event]:
        return asyncio.run(sent(service.uri, list(events), num))

    return answers
