"""The demonstration clips as speech, for measurements of speed and for smoke runs."""

from __future__ import annotations

import numpy as np

from speakersdk.arrays import Waveform
from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER


def demo_voices() -> dict[str, list[Waveform]]:
    """Read the clips of each voice: (n,) float32 at 16 kHz."""
    voices: dict[str, list[Waveform]] = {}
    for path in sorted(FOLDER.glob("*.flac")):
        voices.setdefault(path.stem.split("-")[0], []).append(read_audio(path))
    return voices


def demo_speech() -> Waveform:
    """Return all clips, one after the other."""
    return np.concatenate([clip for clips in demo_voices().values() for clip in clips])
