"""A strategy that starts a user's turn, and interrupts the agent, only for allowed voices."""

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
    """A strategy that starts a turn when voice activity and a `SpeakerGate` agree.

    It must be the only start strategy, because every strategy can start a turn.

    Args:
        settings: as for `BaseUserTurnStartStrategy`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._is_speaking = False
        self._is_open = False

    async def process_frame(self, frame: Frame) -> ProcessFrameResult:
        """Process a frame, and start a turn if all conditions are met."""
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
