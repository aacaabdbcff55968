"""A conversation of bundled voices, and its voice track."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from speakersdk.arrays import Waveform
from speakersdk.audio.waveform import read_audio
from speakersdk.diarization.voice_track import VoiceTrack, track_voice
from speakersdk.encoder.hop import hop_sizes
from speakersdk.encoder.load import hop_encoder
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.voiceprint import Voiceprint

RATE_HZ = 16000
PAUSE_S = 0.7


class Said(NamedTuple):
    """The speech of one voice, from one sample to another."""

    who: str
    from_s: float
    to_s: float


class Conversation(NamedTuple):
    """Turns with silence between them."""

    samples: Waveform
    said: list[Said]


@pytest.fixture(scope="session")
def conversation(voices: dict[str, Any]) -> Conversation:
    """slt and rms in turns, with recordings without enrollment; slt speaks first and last."""
    parts: list[Waveform] = []
    said: list[Said] = []
    at = 0
    pause = np.zeros(round(PAUSE_S * RATE_HZ), np.float32)
    slt, rms = voices["slt"], voices["rms"]
    for who, clip in (
        ("slt", slt.probe), ("rms", rms.probe), ("slt", slt.enroll[1]), ("rms", rms.enroll[1]),
        ("slt", slt.probe),
    ):  # fmt: skip
        samples = read_audio(clip)
        said.append(Said(who, at / RATE_HZ, (at + len(samples)) / RATE_HZ))
        parts += [samples, pause]
        at += len(samples) + len(pause)
    return Conversation(np.concatenate(parts), said)


@pytest.fixture(scope="session")
def enrolled(verifier: Verifier, voices: dict[str, Any]) -> dict[str, Voiceprint]:
    """Voiceprints from the first recording of each voice."""
    return {
        name: verifier.enroll(voices[name].enroll[:1], name=name) for name in ("slt", "rms", "awb")
    }


@pytest.fixture(scope="session")
def track(verifier: Verifier, conversation: Conversation, default_model: Any) -> VoiceTrack:
    """The voice track of the conversation."""
    from speakersdk.encoder.load import load_encoder

    encoder = load_encoder(default_model)
    assert verifier.manifest.calibration is not None
    return track_voice(
        hop_encoder(encoder, hop_sizes(encoder.manifest)),
        verifier.manifest.calibration,
        [conversation.samples],
    )
