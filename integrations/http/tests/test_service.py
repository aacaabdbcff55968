"""The voiceprints behind the service."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from running_server import CLIPS
from speakersdk_http.service import SpeakerService
from speakersdk_http.settings import Settings

from speakersdk import (
    EnrollmentError,
    ExpiredVoiceprintError,
    LastUses,
    Verifier,
    VoiceprintStore,
)


def service_with(folder: Path) -> SpeakerService:
    """Make a service whose voiceprints are in a folder."""
    return SpeakerService(
        Settings(open_verifier=Verifier, open_store=lambda: VoiceprintStore(folder))
    )


def test_an_expired_voiceprint_is_skipped_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = VoiceprintStore(tmp_path)
    slt = Verifier().enroll([CLIPS / "slt-enroll-1.flac"], name="slt")
    store.save(slt)
    store.save(replace(slt, name="old", expires_utc="2026-01-01T00:00:00+00:00"))
    service = service_with(tmp_path)
    # A server in the same process may have changed the level of the logger.
    with caplog.at_level(logging.WARNING, logger="uvicorn.error"):
        for _ in range(3):
            assert [voiceprint.name for voiceprint in service.enrolled()] == ["slt"]
    service.close()
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("skipped: the voiceprint of 'old' expired at 2026-01-01")


def test_uses_are_recorded_and_a_clock_that_is_set_back_revives_nothing(tmp_path: Path) -> None:
    store = VoiceprintStore(tmp_path)
    now = datetime.now(UTC)
    slt = Verifier().enroll([CLIPS / "slt-enroll-1.flac"], name="slt")
    expires_utc = (now + timedelta(hours=36)).isoformat(timespec="seconds")
    store.save(replace(slt, expires_utc=expires_utc))
    service = service_with(tmp_path)
    assert len(service.enrolled()) == len(service.enrolled(["slt"])) == 1
    assert LastUses(folder=tmp_path).days()["slt"] in {now.date(), datetime.now(UTC).date()}
    later = LastUses(folder=tmp_path, clock=lambda: now + timedelta(days=3))
    store.save(slt, replace=True)
    assert later.record([slt]) == []  # a use before the clock was set back
    store.save(replace(slt, expires_utc=expires_utc), replace=True)
    with pytest.raises(EnrollmentError):
        service.enrolled()
    with pytest.raises(ExpiredVoiceprintError, match="the clock is or was wrong"):
        service.enrolled(["slt"])
    service.close()


def test_a_damaged_voiceprint_is_skipped_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = VoiceprintStore(tmp_path)
    store.save(Verifier().enroll([CLIPS / "slt-enroll-1.flac"], name="slt"))
    (tmp_path / "ann.voiceprint").write_bytes(b"damaged")
    service = service_with(tmp_path)
    with caplog.at_level(logging.WARNING, logger="uvicorn.error"):
        for _ in range(2):
            assert [voiceprint.name for voiceprint in service.enrolled()] == ["slt"]
    service.close()
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("skipped: ann.voiceprint: not a voiceprint")
