from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from speakersdk.audio.levels import AudioProblem
from speakersdk.audio.microphone import CaptureCounters
from speakersdk.cli.live.meters import enrollment_meter, verdict_text, verification_meter
from speakersdk.decision.outcome import Verdict
from speakersdk.enrollment.live import EnrollmentProgress
from speakersdk.streaming.update import Candidate, StreamUpdate

PROGRESS = EnrollmentProgress(
    percent=40.0,
    speech_s=4.0,
    needed_s=10.0,
    is_complete=False,
    time_s=6.0,
    speech=0.9,
    level_dbfs=-25.0,
    snr_db=18.0,
    problem=None,
)
ANN = Candidate(
    name="ann [x]",  # square brackets are not markup
    score=-0.01,
    llr=5.2,
    total_score=-0.01,
    total_llr=5.0,
    verdict=Verdict.ACCEPT,
    is_decided=True,
    decided_s=0.9,
)
BOB = replace(
    ANN, name="bob", llr=None, verdict=Verdict.INCONCLUSIVE, is_decided=False, decided_s=None
)
UPDATE = StreamUpdate(
    time_s=12.0,
    speech=0.9,
    speech_s=8.0,
    window_speech_s=2.8,
    score=-0.01,
    llr=5.2,
    total_score=-0.01,
    total_llr=5.0,
    verdict=Verdict.ACCEPT,
    speaker="ann [x]",
    margin=4.0,
    age_s=0.0,
    has_changed=True,
    candidates=(ANN, BOB),
)


def shown(picture: object) -> str:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(picture)
    return console.export_text()


def test_the_enrollment_meter_shows_progress_and_what_is_wrong() -> None:
    captured = replace(PROGRESS, capture=CaptureCounters(dropped_s=0.4, overflows=3))
    text = shown(enrollment_meter("ann", captured))
    for part in ("enrolling ann", "40 %", "4.0 of 10 s", "-25 dBFS", "18 dB", "3 overflows"):
        assert part in text
    noisy = replace(PROGRESS, problem=AudioProblem.NOISY)
    assert AudioProblem.NOISY in shown(enrollment_meter("ann", noisy))
    assert "complete" in shown(enrollment_meter("ann", replace(PROGRESS, is_complete=True)))


def test_the_live_meter_shows_every_speaker() -> None:
    text = shown(verification_meter(UPDATE))
    for part in ("ann [x]", "+5.2", "accept after 0.9 s", "bob", "listening", "another voice"):
        assert part in text


def test_verdicts_in_words() -> None:
    assert verdict_text(BOB) == "listening"
    over = replace(BOB, is_decided=True, decided_s=10.0)
    assert verdict_text(over) == "inconclusive after 10.0 s"
    assert verdict_text(replace(BOB, verdict=Verdict.NO_SPEECH, is_decided=True)) == "no speech"
