"""The gate of voice agents opens only for allowed voices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from speakersdk.audio.waveform import read_audio
from speakersdk.encoder.hop import HopEncoder
from speakersdk.errors import (
    ConfigError,
    ExpiredVoiceprintError,
    InferenceError,
    InvalidAudioError,
)
from speakersdk.verifier import Verifier
from speakersdk.voice_gate import VoiceGate
from speakersdk.voiceprint.voiceprint import Voiceprint

RATE_HZ = 16000


@pytest.fixture(scope="module")
def slt(verifier: Verifier, voices: dict[str, Any]) -> Voiceprint:
    return verifier.enroll(voices["slt"].enroll, name="slt")


@pytest.fixture(scope="module")
def rms(verifier: Verifier, voices: dict[str, Any]) -> Voiceprint:
    return verifier.enroll(voices["rms"].enroll, name="rms")


def test_it_opens_for_the_allowed_voice_at_the_hop_of_the_decision(
    verifier: Verifier, voices: dict[str, Any], slt: Voiceprint
) -> None:
    audio = read_audio(voices["slt"].probe)
    gate = VoiceGate(verifier, [slt])
    gate_updates = gate.push(audio, sample_rate_hz=RATE_HZ)
    updates = verifier.stream([slt]).push(audio, sample_rate_hz=RATE_HZ)
    accepted_s = next(update.time_s for update in updates if update.verdict == "accept")
    assert next(each.time_s for each in gate_updates if each.is_open) == accepted_s
    assert (gate.is_open, gate.speaker) == (True, "slt")


def test_it_stays_closed_for_strangers_and_for_forbidden_voices(
    verifier: Verifier, voices: dict[str, Any], slt: Voiceprint, rms: Voiceprint
) -> None:
    audio = read_audio(voices["rms"].probe)
    for gate in (VoiceGate(verifier, [slt]), VoiceGate(verifier, [slt], forbidden=[rms])):
        assert not any(each.is_open for each in gate.push(audio, sample_rate_hz=RATE_HZ))
        assert gate.last_speech is not None
        assert (gate.is_open, gate.speaker) == (False, None)
    assert gate.last_speech.verdict == "accept"  # as the forbidden voice


def test_it_closes_after_silence_and_when_restarted(
    verifier: Verifier, voices: dict[str, Any], slt: Voiceprint
) -> None:
    audio = read_audio(voices["slt"].probe)
    gate = VoiceGate(verifier, [slt], silence_s=0.5)
    gate.push(audio, sample_rate_hz=RATE_HZ)
    gate.push(np.zeros(RATE_HZ, np.float32), sample_rate_hz=RATE_HZ)
    assert not gate.is_open
    assert gate.last_speech is not None
    assert gate.last_speech.is_open
    gate.push(audio, sample_rate_hz=RATE_HZ)
    assert gate.is_open
    gate.restart()
    assert not gate.is_open
    assert gate.last_speech is None


def test_pcm_of_several_channels_is_taken_like_its_samples(
    verifier: Verifier, voices: dict[str, Any], slt: Voiceprint
) -> None:
    audio = read_audio(voices["slt"].probe)
    pcm = (np.repeat(audio[:, np.newaxis], 2, axis=1) * 32767).astype("<i2").tobytes()
    gate = VoiceGate(verifier, [slt])
    for first in range(0, len(pcm), 1280):
        gate.push_pcm(pcm[first : first + 1280], sample_rate_hz=RATE_HZ, num_channels=2)
    assert gate.speaker == "slt"
    with pytest.raises(InvalidAudioError, match="2 channels, got 6 bytes"):
        gate.push_pcm(pcm[:6], sample_rate_hz=RATE_HZ, num_channels=2)


@pytest.mark.parametrize(
    ("num_bytes", "rate_hz", "num_channels"), [(3201, 16000, 1), (3200, 48000, 1), (3200, 16000, 2)]
)
def test_it_closes_at_audio_that_it_cannot_take(
    verifier: Verifier,
    voices: dict[str, Any],
    slt: Voiceprint,
    num_bytes: int,
    rate_hz: int,
    num_channels: int,
) -> None:
    """What a stranger says meanwhile must not count as said by the speaker before."""
    pcm = (read_audio(voices["slt"].probe) * 32767).astype("<i2").tobytes()
    gate = VoiceGate(verifier, [slt])
    gate.push_pcm(pcm, sample_rate_hz=RATE_HZ, num_channels=1)
    assert gate.is_open
    with pytest.raises((ConfigError, InvalidAudioError)):
        gate.push_pcm(bytes(num_bytes), sample_rate_hz=rate_hz, num_channels=num_channels)
    assert (gate.is_open, gate.speaker, gate.last_speech) == (False, None, None)
    [first, *_] = gate.push_pcm(pcm[:6400], sample_rate_hz=RATE_HZ, num_channels=1)
    assert not first.is_open
    gate.push_pcm(pcm, sample_rate_hz=RATE_HZ, num_channels=1)
    assert gate.is_open


def test_a_gate_without_voices_is_refused(verifier: Verifier, rms: Voiceprint) -> None:
    with pytest.raises(ConfigError, match="at least one voiceprint"):
        VoiceGate(verifier, [], forbidden=[rms])
    with pytest.raises(TypeError, match="expected allowed to be a list, each item a Voiceprint"):
        VoiceGate(verifier, rms)  # type: ignore[arg-type, unused-ignore]


def test_it_closes_when_the_voiceprint_expires(
    verifier: Verifier, voices: dict[str, Any], slt: Voiceprint, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = replace(slt, expires_utc="2100-01-01T00:00:00+00:00")
    gate = VoiceGate(verifier, [limited])
    gate.push(read_audio(voices["slt"].probe), sample_rate_hz=RATE_HZ)
    assert gate.is_open
    # It expires while the gate is open.
    monkeypatch.setattr(gate._stream, "_first_expiry_s", 0.0)
    object.__setattr__(limited, "expires_utc", "2026-11-24T00:00:00+00:00")
    with pytest.raises(ExpiredVoiceprintError):
        gate.push(np.zeros(1600, np.float32), sample_rate_hz=RATE_HZ)
    assert (gate.is_open, gate.speaker, gate.last_speech) == (False, None, None)


def test_it_closes_when_the_model_fails(
    verifier: Verifier,
    voices: dict[str, Any],
    slt: Voiceprint,
    fail_after: Callable[[HopEncoder, int], None],
) -> None:
    gate = VoiceGate(verifier, [slt])
    audio = read_audio(voices["slt"].probe)
    gate.push(audio, sample_rate_hz=RATE_HZ)
    assert gate.is_open
    fail_after(gate._stream._encoder, 0)
    with pytest.raises(InferenceError):
        gate.push(audio[:3200], sample_rate_hz=RATE_HZ)
    assert (gate.is_open, gate.speaker, gate.last_speech) == (False, None, None)
    assert not gate.push(audio[:3200], sample_rate_hz=RATE_HZ)[0].is_open
