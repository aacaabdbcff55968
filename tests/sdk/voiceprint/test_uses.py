from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from speakersdk.errors import ExpiredVoiceprintError, StateFileError
from speakersdk.voiceprint.store import VoiceprintStore
from speakersdk.voiceprint.uses import FILE_NAME, LastUses
from tests.sdk.example_voiceprints import example_voiceprint

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
ANN = example_voiceprint(expires_utc="2026-12-01T00:00:00+00:00")
BOB = example_voiceprint("bob")


def uses(folder: Path, now: datetime) -> LastUses:
    return LastUses(folder=folder, clock=lambda: now)


def test_a_day_is_written_once(tmp_path: Path) -> None:
    assert uses(tmp_path, NOON).days() == {}
    assert uses(tmp_path, NOON).record([ANN, BOB]) == []
    assert uses(tmp_path, NOON).days() == {"ann": date(2026, 11, 28), "bob": date(2026, 11, 28)}
    before = (tmp_path / FILE_NAME).stat()
    uses(tmp_path, NOON + timedelta(hours=11)).record([ANN])
    assert (tmp_path / FILE_NAME).stat().st_ino == before.st_ino
    uses(tmp_path, NOON + timedelta(hours=13)).record([ANN])
    assert uses(tmp_path, NOON).days()["ann"] == date(2026, 11, 29)
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o077 == 0


def test_an_expired_voiceprint_is_not_used(tmp_path: Path) -> None:
    later = uses(tmp_path, NOON + timedelta(days=3))
    assert [error.name for error in later.record([ANN, BOB])] == ["ann"]
    assert later.days().keys() == {"bob"}


def test_an_expired_voiceprint_is_refused_where_all_must_be_current(tmp_path: Path) -> None:
    uses(tmp_path, NOON).require_current([ANN, BOB])
    later = uses(tmp_path, NOON + timedelta(days=3))
    later.require_current([BOB])
    with pytest.raises(ExpiredVoiceprintError, match="'ann'"):
        later.require_current([BOB, ANN])


def test_voiceprints_are_divided_by_their_expiry(tmp_path: Path) -> None:
    current, reasons = uses(tmp_path, NOON + timedelta(days=3)).current([ANN, BOB])
    assert current == [BOB]
    assert reasons.keys() == {"ann"}
    assert reasons["ann"].startswith("the voiceprint of 'ann' expired at 2026-12-01")
    assert uses(tmp_path, NOON).current([ANN, BOB]) == ([ANN, BOB], {})


def test_a_clock_set_back_counts_as_the_day_of_the_last_use(tmp_path: Path) -> None:
    uses(tmp_path, NOON).record([ANN])
    limited = dataclasses.replace(ANN, expires_utc="2026-11-28T00:00:00+00:00")
    [error] = uses(tmp_path, NOON - timedelta(days=5)).record([limited])
    assert error.expires_utc == limited.expires_utc
    assert error.passed_utc == f"{NOON:%Y-%m-%d}T00:00:00+00:00"


def test_a_clock_set_forward_by_mistake_has_no_lasting_effect(tmp_path: Path) -> None:
    ahead = uses(tmp_path, NOON + timedelta(days=30000))
    assert [error.name for error in ahead.record([ANN, BOB])] == ["ann"]
    assert uses(tmp_path, NOON).record([ANN, BOB]) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'{"version": 2, "used": {}}', b'{"version": 1, "used": {"ann": 3}}', b"[" * 9999],
)
def test_a_damaged_file_is_reported(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(StateFileError, match="is damaged, the last uses"):
        uses(tmp_path, NOON).record([ANN])


def test_a_removed_speaker_leaves_no_day(tmp_path: Path) -> None:
    store = VoiceprintStore(tmp_path)
    store.save_all([ANN, BOB])
    uses(tmp_path, NOON).record([ANN, BOB])
    store.remove("ann")
    assert uses(tmp_path, NOON).days().keys() == {"bob"}


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX's")
def test_a_full_disk_stores_no_day_and_stops_nothing(tmp_path: Path) -> None:
    """No file may grow, like with a quota that is used up."""
    code = (
        "import resource, signal, sys; sys.path[:0] = [sys.argv[2]]\n"
        "from tests.sdk.voiceprint import test_uses\n"
        "from pathlib import Path\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "uses = test_uses.uses(Path(sys.argv[1]), test_uses.NOON)\n"
        "print(uses.record([test_uses.BOB]), uses.days())\n"
        "late = test_uses.uses(Path(sys.argv[1]), test_uses.NOON.replace(year=2027))\n"
        "print([error.name for error in late.record([test_uses.ANN])])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parents[3])],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[] {}\n['ann']\n"


def test_days_of_another_user_stop_nothing(tmp_path: Path) -> None:
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        pytest.skip("root may read everything")
    assert uses(tmp_path, NOON).record([BOB]) == []
    (tmp_path / FILE_NAME).chmod(0)
    assert uses(tmp_path, NOON).record([BOB]) == []
    assert [error.name for error in uses(tmp_path, NOON.replace(year=2027)).record([ANN])] == [
        "ann"
    ]
