from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from speakersdk.arrays import Waveform
from speakersdk.audio.waveform import read_audio
from speakersdk.cli import main
from speakersdk.decision.outcome import Decision, Verdict
from speakersdk.enrollment.challenge import Challenge
from speakersdk.errors import ConfigError

SIX = Challenge("739142")


def word(pitch_hz: float, seconds: float = 0.4) -> Waveform:
    """A swelling tone with harmonics up to 1 kHz above it."""
    at = np.arange(int(16000 * seconds)) / 16000
    tone = sum(np.sin(2 * np.pi * pitch_hz * number * at) / number for number in (1, 2, 3))
    return (0.2 * np.hanning(len(at)) * tone).astype(np.float32)


def spoken(pitches_hz: list[float], *, pause_s: float = 0.2, seconds: float = 0.4) -> Waveform:
    pause = np.zeros(int(16000 * pause_s), np.float32)
    parts = [part for pitch in pitches_hz for part in (pause, word(pitch, seconds))]
    return np.concatenate([*parts, pause])


DIFFERENT = [250.0, 800.0, 400.0, 1500.0, 600.0, 2000.0]


def test_six_different_sounds_can_be_six_digits() -> None:
    samples = spoken(DIFFERENT)
    assert SIX.objection([samples]) is None
    assert SIX.objection(np.array_split(samples, 9)) is None


@pytest.mark.parametrize(
    ("samples", "objection"),
    [
        (np.zeros(64000, np.float32), "s of sound, got 0.0 s"),
        (np.zeros(0, np.float32), "s of sound, got 0.0 s"),
        (spoken([250.0]), "of sound"),
        (spoken(DIFFERENT * 4), "of sound"),
        (spoken(DIFFERENT, pause_s=2.5), "expected the digits within 9.6 s"),
        (spoken([250.0, 800.0], seconds=1.2), "expected about 6 digits, got 2 syllables"),
        (spoken([500.0] * 6), "expected different digits"),
    ],
)
def test_what_cannot_be_six_digits_is_refused(samples: Waveform, objection: str) -> None:
    found = SIX.objection([samples])
    assert found is not None
    assert objection in found


def test_a_challenge_cannot_be_predicted() -> None:
    seen = {Challenge.random().digits for _ in range(50)}
    # Of 10 * 9^5 challenges, 50 are different except once in 480 runs; 49 are enough.
    assert len(seen) >= 49
    for digits in seen:
        assert len(digits) == 6
        assert all(one != two for one, two in pairwise(digits))
    assert str(SIX) == "7 3 9 1 4 2"
    assert len(Challenge.random(12).digits) == 12


@pytest.mark.parametrize("digits", ["123", "1234567890123", "12a4", "", "\u0661\u0662\u0663\u0664"])
def test_what_is_not_digits_is_refused(digits: str) -> None:
    with pytest.raises(ConfigError, match="expected 4 to 12 digits"):
        Challenge(digits)


def test_only_an_accepted_decision_changes() -> None:
    accepted = Decision.from_evidence(score=-0.1, llr=5.0, threshold=2.0, speech_s=3.0)
    rejected = Decision.from_evidence(score=-0.1, llr=1.0, threshold=2.0, speech_s=3.0)
    assert SIX.checked([spoken(DIFFERENT)], accepted) == accepted
    assert SIX.checked([word(250.0)], rejected) == rejected
    doubted = SIX.checked([word(250.0)], accepted)
    assert doubted.verdict is Verdict.INCONCLUSIVE
    assert "not the requested digits" in doubted.reason


def test_verify_asks_for_the_length_of_the_digits(
    voices: dict[str, Any],
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    probe = voices["slt"].probe
    assert main(["enroll", "slt", *map(str, voices["slt"].enroll)]) == 0
    can_be = Challenge("739142").objection([read_audio(probe)]) is None
    assert main(["verify", "slt", str(probe), "--challenge", "739142"]) == (0 if can_be else 1)
    capsys.readouterr()
    # A sentence of 4 s is too short for twelve digits, or has too few syllables.
    status = main(["verify", "slt", str(voices["slt"].probe), "--challenge", "7391427391"])
    assert ("not the digits" in capsys.readouterr().out) == (status == 1)
    assert main(["verify", "slt", str(probe), "--challenge", "12"]) == 2
    assert "expected 4 to 12 digits" in capsys.readouterr().err
