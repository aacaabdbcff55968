"""Play a stranger and an enrolled speaker to a pipeline, and show who starts a turn.

    python integrations/pipecat/examples/gated_turns.py

A bot needs the same two parts between its transport and its context: `SpeakerGate` after the
transcription, and the strategy in the aggregator's `user_turn_strategies`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import soundfile as sf
from loguru import logger
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    UserStartedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.tests.utils import run_test
from pipecat.turns.user_stop import ExternalUserTurnStopStrategy
from pipecat.turns.user_turn_processor import UserTurnProcessor
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from speakersdk_pipecat.speaker_gate import SpeakerGate
from speakersdk_pipecat.turn_start import AllowedVoiceTurnStartStrategy

import speakersdk.demo_clips
from speakersdk import Verifier

CLIPS = Path(speakersdk.demo_clips.__file__).parent


def spoken(path: Path) -> list[Frame]:
    """Return the frames that a transport with voice activity detection sends for a recording."""
    samples, rate_hz = sf.read(path, dtype="int16")
    size = rate_hz // 50
    audio = [
        InputAudioRawFrame(samples[first : first + size].tobytes(), rate_hz, 1)
        for first in range(0, len(samples), size)
    ]
    return [VADUserStartedSpeakingFrame(), *audio, VADUserStoppedSpeakingFrame()]


async def main() -> None:
    """Print whether each voice starts a turn."""
    logger.remove()  # Pipecat's messages would hide the two lines
    verifier = Verifier(far=0.01)
    ann = verifier.enroll(sorted(CLIPS.glob("slt-enroll-*.flac")), name="ann")
    for who, clip in (("ann", "slt-probe.flac"), ("a stranger", "rms-probe.flac")):
        strategies = UserTurnStrategies(
            start=[AllowedVoiceTurnStartStrategy()], stop=[ExternalUserTurnStopStrategy()]
        )
        pipeline = Pipeline(
            [SpeakerGate(verifier, [ann]), UserTurnProcessor(user_turn_strategies=strategies)]
        )
        down, _ = await run_test(pipeline, frames_to_send=spoken(CLIPS / clip), start_timeout=60)
        started = any(isinstance(frame, UserStartedSpeakingFrame) for frame in down)
        print(f"{who}: {'starts a turn' if started else 'is not listened to'}")


if __name__ == "__main__":
    asyncio.run(main())
