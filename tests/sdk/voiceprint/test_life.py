from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from speakersdk.errors import ConfigError, ExpiredVoiceprintError, VoiceprintError
from speakersdk.voiceprint.file import write_voiceprint
from speakersdk.voiceprint.life import MAXIMUM_CHANGES, Change, Consent, expiry_after
from speakersdk.voiceprint.voiceprint import Voiceprint
from tests.sdk.example_voiceprints import EMBEDDING_DIM, example_voiceprint

START = datetime(2026, 11, 22, 14, tzinfo=UTC)
PROBE = np.eye(EMBEDDING_DIM, dtype=np.float32)[2]


@pytest.mark.parametrize(
    ("period", "days"), [("12h", 0.5), ("90d", 90), ("6w", 42), ("1y", 365), ("100y", 36500)]
)
def test_periods(period: str, days: float) -> None:
    expected = (START + timedelta(days=days)).isoformat()
    assert expiry_after(period, now=START) == expected
    # A voiceprint refuses other offsets than +00:00.
    assert expiry_after(period, now=START.astimezone(timezone(timedelta(hours=2)))) == expected


@pytest.mark.parametrize("period", ["", "0d", "90", "d", "-3d", "1.5d", "101y", "9999999d", "٣d"])
def test_what_is_not_a_period_is_refused(period: str) -> None:
    with pytest.raises(ConfigError, match="expected a period such as"):
        expiry_after(period, now=START)


def test_an_expired_voiceprint_is_refused_to_the_second() -> None:
    limited = example_voiceprint(expires_utc=expiry_after("90d", now=START))
    limited.check_current(START + timedelta(days=90, seconds=-1))
    with pytest.raises(ExpiredVoiceprintError, match=r"'ann' expired at 2027-02-20T14:00:00\+00"):
        limited.check_current(START + timedelta(days=90))
    example_voiceprint().check_current(START + timedelta(days=36500))


def test_a_clock_set_back_revives_no_expired_voiceprint() -> None:
    """Enrolled or adapted with a correct clock; the expiry is before these times."""
    long_ago = START - timedelta(days=9000)
    limited = example_voiceprint(expires_utc=(START - timedelta(days=1)).isoformat())
    with pytest.raises(ExpiredVoiceprintError, match="the clock is or was wrong: correct it"):
        limited.check_current(long_ago)
    later = (START + timedelta(days=2)).isoformat()
    adapted = example_voiceprint(expires_utc=expiry_after("1d", now=START)).adapted_by(
        PROBE, speech_s=1.0, at_utc=later
    )
    with pytest.raises(ExpiredVoiceprintError) as caught:
        adapted.check_current(long_ago)
    assert caught.value.passed_utc == later
    with pytest.raises(ExpiredVoiceprintError) as caught:
        adapted.check_current(START + timedelta(days=3))
    assert caught.value.passed_utc is None


def test_consent_and_history_survive_the_file() -> None:
    consent = Consent(given_by="Ann Ng", text_id="notice-3", given_utc=START.isoformat())
    voiceprint = example_voiceprint(consent=consent)
    voiceprint = voiceprint.adapted_by(PROBE, speech_s=1.5, at_utc="2026-11-23T00:00:00+00:00")
    voiceprint = voiceprint.reverted(at_utc="2026-11-24T00:00:00+00:00")
    voiceprint = voiceprint.with_exemplars(example_voiceprint())
    again = Voiceprint.from_bytes(voiceprint.to_bytes())
    assert again == voiceprint
    assert again.consent == consent
    assert [(change.kind, change.speech_s) for change in again.history] == [
        ("adapted", 1.5),
        ("reverted", 1.5),
        ("appended", 2.5),
    ]


def test_the_newest_changes_are_kept() -> None:
    voiceprint = example_voiceprint()
    for number in range(MAXIMUM_CHANGES + 5):
        voiceprint = voiceprint.adapted_by(PROBE, speech_s=number, at_utc=START.isoformat())
    kept = [change.speech_s for change in voiceprint.history]
    assert kept == list(range(5, MAXIMUM_CHANGES + 5))


def test_voiceprints_without_a_life_are_written_as_before() -> None:
    assert write_voiceprint(example_voiceprint())[8] == 1
    assert write_voiceprint(example_voiceprint().adapted_by(PROBE, speech_s=1.0))[8] == 2
    assert write_voiceprint(example_voiceprint(expires_utc=START.isoformat()))[8] == 3


@pytest.mark.parametrize(
    "make",
    [
        lambda: Consent(given_by="", text_id="a", given_utc=START.isoformat()),
        lambda: Consent(given_by="ann\x1b[2J", text_id="a", given_utc=START.isoformat()),
        lambda: Consent(given_by="ann", text_id="a" * 201, given_utc=START.isoformat()),
        lambda: Consent(given_by="ann", text_id="a", given_utc="2026-11-22T14:00:00"),
        lambda: Change(kind="adapted", at_utc=START.isoformat(), speech_s=float("nan")),
        lambda: Change(kind="forged", at_utc=START.isoformat(), speech_s=1.0),  # type: ignore[arg-type]
        lambda: Change.from_json(["adapted", START.isoformat(), True]),
        lambda: Change.from_json("adapted"),
        lambda: Consent.from_json({"given_by": "ann", "text_id": 3, "given_utc": "x"}),
        lambda: Consent.from_json({"given_by": "ann"}),
        lambda: example_voiceprint(expires_utc="tomorrow"),
        lambda: example_voiceprint(expires_utc="2026-11-22T14:00:00+01:00"),
    ],
)
def test_impossible_lives_are_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"expected|Invalid isoformat"):
        make()


def test_an_error_of_expiry_is_one_of_voiceprints() -> None:
    error = ExpiredVoiceprintError("ann", expires_utc="2026-11-22T14:00:00+00:00")
    assert isinstance(error, VoiceprintError)
    assert "enroll again" in str(error)
