"""Programs of users pass the strictest type check against the installed package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = '''
from pathlib import Path
from typing import assert_type

import numpy as np

import speakersdk
from speakersdk import (
    AudioError, Decision, Gallery, Recording, Verdict, Verifier, Voiceprint, VoiceprintStore,
)


class Tensor:
    """What torch tensors offer to NumPy."""

    def __array__(self, dtype: object = None) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return np.zeros(16000, np.float32)


def verdicts(folder: Path, ann: Voiceprint, verifier: Verifier) -> dict[str, Verdict]:
    found: dict[str, Verdict] = {}
    for path in sorted(folder.glob("*.wav")):
        try:
            decision: Decision = verifier.verify(ann, path)
        except AudioError as error:
            print(error)
            continue
        assert_type(decision.llr, float | None)
        if decision.verdict == "accept" or decision:
            found[path.name] = decision.verdict
    return found


def all_kinds(verifier: Verifier, ann: Voiceprint) -> list[Decision]:
    samples = np.zeros(16000, np.int16)
    recordings: list[Recording] = [
        "a.wav", Path("a.wav"), open("a.wav", "rb"), (16000, samples), (samples, 16000),
    ]
    decisions = [verifier.verify(ann, recording) for recording in recordings]
    return [*decisions, verifier.verify(ann, Tensor(), sample_rate_hz=16000)]


def live(verifier: Verifier, ann: Voiceprint) -> None:
    for update in verifier.stream([ann]).push(np.zeros(1600), sample_rate_hz=16000):
        assert_type(update.speaker, str | None)
    for update in verifier.listen([ann]):
        assert_type(update.total_llr, float | None)


verifier, store = Verifier(far=0.01), VoiceprintStore()
assert_type(verifier.identify([store.load("ann")], "a.wav").speaker, str | None)
gallery = Gallery.from_voiceprints([store.load("ann")])
assert_type(gallery.search(verifier.embed("a.wav"))[0].name, str)
assert_type(speakersdk.__version__, str)
'''  # fmt: skip


def test_a_program_passes_mypy_strict(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
