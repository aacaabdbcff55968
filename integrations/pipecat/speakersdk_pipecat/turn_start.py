"""A strategy that starts a user's turn, and interrupts the agent, for allowed voices alone."""

from __future__ import annotations

from typing import Any

from pipecat.frames.frames import (
    Frame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.turns.types import ProcessFrameResult
from pipecat.turns.user_start.base_user_turn_start_strategy import BaseUserTurnStartStrategy

from speakersdk_pipecat.speaker_gate import SpeakerDecisionFrame


class AllowedVoiceTurnStartStrategy(BaseUserTurnStartStrategy):
    """Starts a turn when voice activity and a `SpeakerGate` agree: an allowed voice speaks.

    It must be the only strategy for starts: each of several can start a turn.

    Args:
        settings: as for `BaseUserTurnStartStrategy`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._is_speaking = False
        self._is_open = False

    async def process_frame(self, frame: Frame) -> ProcessFrameResult:
        """Take a frame and start a turn if it completes the conditions."""
        if isinstance(frame, VADUserStartedSpeakingFrame):
            self._is_speaking = True
        elif isinstance(frame, SpeakerDecisionFrame):
            self._is_open = frame.is_open
        else:
            if isinstance(frame, VADUserStoppedSpeakingFrame):
                self._is_speaking = False
            return ProcessFrameResult.CONTINUE
        if not (self._is_speaking and self._is_open):
            return ProcessFrameResult.CONTINUE
        await self.trigger_user_turn_started()
        return ProcessFrameResult.STOP
