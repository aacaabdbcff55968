"""The voiceprints behind the service."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from running_server import CLIPS
from speakersdk_http.service import SpeakerService
from speakersdk_http.settings import Settings

from speakersdk import Verifier, VoiceprintStore


def test_an_expired_voiceprint_is_skipped_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = VoiceprintStore(tmp_path)
    slt = Verifier().enroll([CLIPS / "slt-enroll-1.flac"], name="slt")
    store.save(slt)
    store.save(replace(slt, name="old", expires_utc="2026-01-01T00:00:00+00:00"))
    service = SpeakerService(
        Settings(open_verifier=Verifier, open_store=lambda: VoiceprintStore(tmp_path))
    )
    # A server in the same process may have changed the level of the logger.
    with caplog.at_level(logging.WARNING, logger="uvicorn.error"):
        for _ in range(3):
            assert [voiceprint.name for voiceprint in service.enrolled()] == ["slt"]
    service.close()
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("skipped: the voiceprint of 'old' expired at 2026-01-01")
