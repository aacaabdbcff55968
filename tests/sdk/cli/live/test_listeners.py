"""The output of each listener for the same hops."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest

from speakersdk.audio.microphone import CaptureCounters
from speakersdk.cli.live.listeners import (
    JsonListener,
    LineListener,
    MeterListener,
    Summary,
    open_listener,
)
from speakersdk.decision.outcome import Verdict
from speakersdk.enrollment.live import EnrollmentProgress
from speakersdk.streaming.update import StreamUpdate

PROGRESS = EnrollmentProgress(
    percent=0.0, speech_s=0.0, needed_s=10.0, is_complete=False, time_s=0.1, speech=0.9,
    level_dbfs=-30.0, snr_db=None, problem=None,
)  # fmt: skip


def test_lines_come_when_something_changes(
    updates: list[StreamUpdate], capsys: pytest.CaptureFixture[str]
) -> None:
    listener = LineListener()
    for percent in (0, 4, 9, 11, 15, 22, 100):
        progress = replace(PROGRESS, percent=float(percent), is_complete=percent == 100)
        listener.enrolling("ann", progress)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"enrolling ann: {percent} %" for percent in (9, 22, 100)]
    for update in updates:
        listener.updated(update)
    lines = capsys.readouterr().out.splitlines()
    assert 1 < len(lines) < len(updates) / 3
    assert all(one.split("s  ")[1] != two.split("s  ")[1] for one, two in itertools.pairwise(lines))


def test_a_line_names_only_those_who_have_changed(
    updates: list[StreamUpdate], capsys: pytest.CaptureFixture[str]
) -> None:
    (slt,) = updates[-1].candidates
    silent = replace(slt, name="ann", verdict=Verdict.NO_SPEECH, decided_s=None)
    listener = LineListener()
    for candidates in (
        (silent, replace(silent, name="slt")),
        (silent, slt),
        (silent, slt),
        (replace(silent, verdict=slt.verdict, decided_s=slt.decided_s), slt),
    ):
        listener.updated(replace(updates[-1], candidates=candidates))
    decided = f"accept after {slt.decided_s:.1f} s"
    lines = [line.split(" s  ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["everybody: no speech", f"slt: {decided}", f"ann: {decided}"]


def test_lines_announce_lost_audio_once(
    updates: list[StreamUpdate], capsys: pytest.CaptureFixture[str]
) -> None:
    listener = LineListener()
    for update, lost_s in zip(updates, (None, 1.5, None, 0.0), strict=False):
        # The counters are ahead of the update, because more blocks are in the queue.
        counters = CaptureCounters(captured_s=9.0, gaps=3)
        listener.updated(replace(update, lost_s=lost_s, capture=counters))
    lines = capsys.readouterr().out.splitlines()
    lost = [at for at, line in enumerate(lines) if line.endswith("the evidence was reset")]
    assert [lines[at].split("s  ")[0].split()[0] for at in lost] == ["0.2", "0.4"]
    assert "1.5 s of audio was lost" in lines[lost[0]]
    assert "  audio was lost" in lines[lost[1]]
    assert all("slt: " in lines[at + 1] for at in lost)  # valid from there on


def test_json_is_an_object_for_each_hop(
    updates: list[StreamUpdate], capsys: pytest.CaptureFixture[str]
) -> None:
    listener = JsonListener()
    for time_s in (0.1, 0.2):
        listener.enrolling("ann", replace(PROGRESS, time_s=time_s))
    for update in updates:
        listener.updated(update)
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["kind"] for one in documents] == ["enrollment"] * 2 + ["update"] * len(updates)
    assert documents[-1]["capture"] is None


def test_a_meter_shows_a_picture_for_each_hop(updates: list[StreamUpdate]) -> None:
    pictures: list[object] = []
    listener = MeterListener(pictures.append)
    listener.enrolling("ann", PROGRESS)
    listener.updated(updates[-1])
    assert len(pictures) == 2


def test_the_summary_adds_up(updates: list[StreamUpdate]) -> None:
    summary = Summary()
    for update in updates:
        summary.take(update)
    assert summary.text().startswith(f"listened for {updates[-1].time_s:.1f} s; accepted slt for ")
    assert 0 < summary.accepted_s["slt"] < updates[-1].time_s


def test_the_listener_fits_stdout() -> None:
    with open_listener(is_json=True) as listener:
        assert isinstance(listener, JsonListener)
    with open_listener(is_json=False) as listener:  # stdout is not a terminal under pytest
        assert isinstance(listener, LineListener)
