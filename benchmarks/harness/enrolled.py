"""Voiceprints of recordings of any quality: benchmarks measure decisions, not the quality gate."""

from __future__ import annotations

from collections.abc import Sequence

from speakersdk import Verifier, Voiceprint
from speakersdk.arrays import Waveform
from speakersdk.audio.levels import AudioProblem
from speakersdk.audio.samples import SAMPLE_RATE_HZ


def enrolled(verifier: Verifier, recordings: Sequence[Waveform], name: str) -> Voiceprint:
    """Enroll a speaker with recordings at 16 kHz, and accept every problem of their quality."""
    return verifier.enroll(
        recordings, name=name, sample_rate_hz=SAMPLE_RATE_HZ, accept=tuple(AudioProblem)
    )
