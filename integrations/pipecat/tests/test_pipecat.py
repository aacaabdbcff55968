"""The gate and the strategy in real pipelines of Pipecat, with real frames of audio."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    TranscriptionFrame,
    UserStartedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.tests.utils import run_test
from pipecat.turns.user_stop import ExternalUserTurnStopStrategy
from pipecat.turns.user_turn_processor import UserTurnProcessor
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from speakersdk_pipecat.speaker_gate import SpeakerDecisionFrame, SpeakerGate
from speakersdk_pipecat.turn_start import AllowedVoiceTurnStartStrategy

import speakersdk.demo_clips
from speakersdk import ConfigError, Verifier, Voiceprint

CLIPS = Path(speakersdk.demo_clips.__file__).parent
RATE_HZ = 16000
FRAME_S = 0.02
HOP_S = 0.1
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier()


@pytest.fixture(scope="module")
def people(verifier: Verifier) -> dict[str, Voiceprint]:
    return {
        name: verifier.enroll([CLIPS / f"{name}-enroll-{n}.flac" for n in (1, 2)], name=name)
        for name in ("slt", "rms")
    }


def clip(name: str) -> np.ndarray:
    samples, _ = sf.read(CLIPS / f"{name}-probe.flac", dtype="int16")
    return samples


def audio(samples: np.ndarray, *, channels: int = 1) -> list[Frame]:
    """Yield frames of 20 ms."""
    size = round(FRAME_S * RATE_HZ)
    wide = np.repeat(samples[:, np.newaxis], channels, axis=1)
    return [
        InputAudioRawFrame(wide[first : first + size].tobytes(), RATE_HZ, channels)
        for first in range(0, len(samples), size)
    ]


def transcript(text: str = "turn on the light") -> TranscriptionFrame:
    return TranscriptionFrame(text, "", "2026-11-28T00:00:00Z")


def run_both(
    processor: FrameProcessor, frames: Sequence[Frame]
) -> tuple[Sequence[Frame], Sequence[Frame]]:
    """Return the frames that arrive downstream and upstream."""

    async def main() -> Any:
        return await run_test(processor, frames_to_send=frames, start_timeout=PATIENCE_S)

    return asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


def run(processor: FrameProcessor, frames: Sequence[Frame]) -> list[Frame]:
    """Return the frames that arrive downstream."""
    down, _ = run_both(processor, frames)
    return list(down)


def of(kind: type[Frame], frames: Sequence[Frame]) -> list[Any]:
    return [frame for frame in frames if isinstance(frame, kind)]


def test_the_allowed_voice_passes_and_is_named(
    verifier: Verifier, people: dict[str, Voiceprint]
) -> None:
    sent = audio(clip("slt"), channels=2)
    down = run(SpeakerGate(verifier, [people["slt"]]), [*sent, transcript()])
    assert of(InputAudioRawFrame, down) == sent  # unchanged, and in order
    (text,) = of(TranscriptionFrame, down)
    assert text.user_id == "slt"
    assert text.metadata["speakersdk"]["is_allowed"] is True
    assert text.metadata["speakersdk"]["verdict"] == "accept"
    decisions = of(SpeakerDecisionFrame, down)
    assert (decisions[0].is_open, decisions[0].speaker) == (True, "slt")


def test_transcripts_of_strangers_are_dropped_or_stamped(
    verifier: Verifier, people: dict[str, Voiceprint]
) -> None:
    frames = [
        *audio(clip("rms")),
        InterimTranscriptionFrame("buy", "", "2026-11-28T00:00:00Z"),
        transcript("buy it"),
    ]
    down = run(SpeakerGate(verifier, [people["slt"]]), frames)
    assert of(TranscriptionFrame, down) == of(InterimTranscriptionFrame, down) == []
    assert of(SpeakerDecisionFrame, down) == []
    down = run(SpeakerGate(verifier, [people["slt"]], strangers="stamp"), frames)
    (text,) = of(TranscriptionFrame, down)
    assert text.user_id == ""
    assert text.metadata["speakersdk"]["is_allowed"] is False


def test_without_speech_there_is_no_speaker(
    verifier: Verifier, people: dict[str, Voiceprint]
) -> None:
    assert of(TranscriptionFrame, run(SpeakerGate(verifier, [people["slt"]]), [transcript()])) == []


def test_it_closes_when_the_voiceprint_expires(
    verifier: Verifier, people: dict[str, Voiceprint]
) -> None:
    limited = replace(people["slt"], expires_utc="2100-01-01T00:00:00+00:00")
    gate = SpeakerGate(verifier, [limited])

    class LastMoment(InputAudioRawFrame):
        """Audio during which the voiceprint expires."""

        def __getattribute__(self, name: str) -> Any:
            if name == "audio" and gate._gate.is_open:
                gate._gate._stream._first_expiry_s = 0.0
                object.__setattr__(limited, "expires_utc", "2026-11-24T00:00:00+00:00")
            return super().__getattribute__(name)

    late = LastMoment(bytes(640), RATE_HZ, 1)
    after = audio(clip("slt")[: RATE_HZ // 10])
    down, up = run_both(gate, [*audio(clip("slt")), late, *after, transcript()])
    decisions = of(SpeakerDecisionFrame, down)
    assert [(each.is_open, each.speaker) for each in decisions] == [(True, "slt"), (False, None)]
    (error,) = of(ErrorFrame, up)  # and not one for each frame of audio
    assert "expired" in error.error
    assert of(InputAudioRawFrame, down)[-len(after) :] == after
    assert of(TranscriptionFrame, down) == []


def test_it_closes_when_the_sample_rate_changes(
    verifier: Verifier, people: dict[str, Voiceprint]
) -> None:
    other = [InputAudioRawFrame(bytes(960), 24000, 1) for _ in range(3)]
    down, up = run_both(
        SpeakerGate(verifier, [people["slt"]]), [*audio(clip("slt")), *other, transcript()]
    )
    decisions = of(SpeakerDecisionFrame, down)
    assert [(each.is_open, each.speaker) for each in decisions] == [(True, "slt"), (False, None)]
    (error,) = of(ErrorFrame, up)
    assert "expected 16000 Hz as before" in error.error
    assert of(TranscriptionFrame, down) == []


def test_another_word_for_strangers_is_refused(
    verifier: Verifier, people: dict[str, Voiceprint]
) -> None:
    with pytest.raises(ConfigError, match="expected strangers to be"):
        SpeakerGate(verifier, [people["slt"]], strangers="Drop")  # type: ignore[arg-type]


def test_the_agents_own_voice_is_dropped_although_it_is_known(
    verifier: Verifier, people: dict[str, Voiceprint]
) -> None:
    gate = SpeakerGate(verifier, [people["slt"]], forbidden=[people["rms"]])
    down = run(gate, [*audio(clip("rms")), transcript("my own words")])
    assert of(TranscriptionFrame, down) == []


def test_the_decision_follows_its_speech_within_a_hop(
    verifier: Verifier, people: dict[str, Voiceprint]
) -> None:
    samples = clip("slt")
    updates = verifier.stream([people["slt"]]).push(samples, sample_rate_hz=RATE_HZ)
    accepted_s = next(update.time_s for update in updates if update.verdict == "accept")
    down = run(SpeakerGate(verifier, [people["slt"]]), audio(samples))
    before = next(at for at, frame in enumerate(down) if isinstance(frame, SpeakerDecisionFrame))
    heard_s = FRAME_S * len(of(InputAudioRawFrame, down[:before]))
    assert accepted_s - FRAME_S <= heard_s <= accepted_s + HOP_S


def turns(verifier: Verifier, allowed: Voiceprint, **settings: Any) -> Pipeline:
    strategies = UserTurnStrategies(
        start=[AllowedVoiceTurnStartStrategy()], stop=[ExternalUserTurnStopStrategy()]
    )
    return Pipeline(
        [
            SpeakerGate(verifier, [allowed], **settings),
            UserTurnProcessor(user_turn_strategies=strategies),
        ]
    )


def spoken(samples: np.ndarray) -> list[Frame]:
    return [VADUserStartedSpeakingFrame(), *audio(samples), VADUserStoppedSpeakingFrame()]


def test_only_the_allowed_voice_starts_a_turn_and_interrupts(
    verifier: Verifier, people: dict[str, Voiceprint]
) -> None:
    down = run(turns(verifier, people["slt"]), spoken(clip("slt")))
    assert len(of(UserStartedSpeakingFrame, down)) == 1
    assert len(of(InterruptionFrame, down)) == 1
    # At the decision, not at the first sound.
    at = next(n for n, frame in enumerate(down) if isinstance(frame, UserStartedSpeakingFrame))
    assert of(InputAudioRawFrame, down[:at])
    down = run(turns(verifier, people["slt"]), spoken(clip("rms")))
    assert of(UserStartedSpeakingFrame, down) == of(InterruptionFrame, down) == []


def test_the_agents_own_voice_starts_no_turn(
    verifier: Verifier, people: dict[str, Voiceprint]
) -> None:
    pipeline = turns(verifier, people["slt"], forbidden=[people["rms"]])
    down = run(pipeline, spoken(clip("rms")))
    assert of(UserStartedSpeakingFrame, down) == []


def test_a_gate_without_voices_is_refused(
    verifier: Verifier, people: dict[str, Voiceprint]
) -> None:
    with pytest.raises(ConfigError):
        SpeakerGate(verifier, [], forbidden=[people["rms"]])
