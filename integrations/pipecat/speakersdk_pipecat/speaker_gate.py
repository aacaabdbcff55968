"""A frame processor that reports who speaks, and drops the transcripts of strangers.

audio frames -> voice gate -> decision frames;  transcripts -> stamped with the speaker, or dropped
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from loguru import logger
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    SystemFrame,
    TranscriptionFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from speakersdk import (
    ConfigError,
    GateUpdate,
    SpeakerSdkError,
    Verifier,
    VoiceGate,
    Voiceprint,
)
from speakersdk.voice_gate import SILENCE_S


@dataclass
class SpeakerDecisionFrame(SystemFrame):
    """A message that the gate has opened or closed, or that the speaker has changed.

    Attributes:
        is_open: whether an allowed voice speaks.
        speaker: the name of that voice; None while the gate is closed.
        verdict: verdict on the most likely voice: accept, reject, inconclusive or no_speech.
        llr: log-likelihood ratio of that voice; None if there is too little speech.
        time_s: seconds of audio until the decision.
    """

    is_open: bool = False
    speaker: str | None = None
    verdict: str = "no_speech"
    llr: float | None = None
    time_s: float = 0.0


class SpeakerGate(FrameProcessor):
    """A gate for the transcripts of allowed voices, between transcription and context.

    Audio passes unchanged and at once. A `SpeakerDecisionFrame` follows the audio frame that
    completes a decision. A transcript gets the decision on the last speech: with an
    allowed voice its `user_id` is the speaker; all transcripts get `metadata["speakersdk"]`.
    If a voiceprint expires, or the sample rate changes, one error is pushed, and the gate stays
    closed.

    Args:
        verifier: makes the decisions, at its false-accept rate.
        allowed: voiceprints of the allowed voices.
        forbidden: voiceprints of voices that must not be mistaken for them, such as the agent's
            own.
        strangers: "drop" their transcripts, or only "stamp" them.
        silence_s: silence after which a voice must be recognized again.
        settings: as for `FrameProcessor`.

    Raises:
        speakersdk.ConfigError: nobody is allowed, two voiceprints have the same name, or
            `strangers` is something else.
    """

    def __init__(
        self,
        verifier: Verifier,
        allowed: Sequence[Voiceprint],
        *,
        forbidden: Sequence[Voiceprint] = (),
        strangers: Literal["drop", "stamp"] = "drop",
        silence_s: float = SILENCE_S,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        if strangers not in {"drop", "stamp"}:  # another word would let them pass
            raise ConfigError(f"expected strangers to be 'drop' or 'stamp', got {strangers!r}")
        self._gate = VoiceGate(verifier, allowed, forbidden=forbidden, silence_s=silence_s)
        self._strangers = strangers
        self._reported: tuple[bool, str | None] = (False, None)
        self._failure: str | None = None  # of the latest frame of audio

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Process a frame."""
        await super().process_frame(frame, direction)
        if direction is FrameDirection.DOWNSTREAM and isinstance(frame, InputAudioRawFrame):
            await self.push_frame(frame, direction)
            await self._hear(frame)
            return
        is_transcript = isinstance(frame, TranscriptionFrame | InterimTranscriptionFrame)
        if not is_transcript or self._passes(frame):
            await self.push_frame(frame, direction)

    async def _hear(self, frame: InputAudioRawFrame) -> None:
        try:
            updates = self._gate.push_pcm(
                frame.audio, sample_rate_hz=frame.sample_rate, num_channels=frame.num_channels
            )
        except SpeakerSdkError as error:
            await self._report(SpeakerDecisionFrame())
            if str(error) == self._failure:  # every frame would report it
                return
            self._failure = str(error)
            raise
        self._failure = None
        for update in updates:
            await self._report(_decision(update))

    async def _report(self, decision: SpeakerDecisionFrame) -> None:
        """Push a decision if it is new."""
        reported = (decision.is_open, decision.speaker)
        if reported != self._reported:
            self._reported = reported
            await self.push_frame(decision)

    def _passes(self, frame: TranscriptionFrame | InterimTranscriptionFrame) -> bool:
        """Stamp a transcript, and return whether to pass it on."""
        last_speech = self._gate.last_speech
        is_allowed = last_speech is not None and last_speech.is_open
        frame.metadata["speakersdk"] = {
            "is_allowed": is_allowed,
            "speaker": None if last_speech is None else last_speech.speaker,
            "verdict": "no_speech" if last_speech is None else str(last_speech.verdict),
            "llr": None if last_speech is None else last_speech.llr,
        }
        if last_speech is not None and last_speech.speaker is not None:
            frame.user_id = last_speech.speaker
            return True
        if self._strangers == "drop":
            logger.debug(f"{self}: dropped a transcript of a voice that is not allowed")
            return False
        return True


def _decision(update: GateUpdate) -> SpeakerDecisionFrame:
    return SpeakerDecisionFrame(
        is_open=update.is_open,
        speaker=update.speaker,
        verdict=str(update.verdict),
        llr=update.llr,
        time_s=update.time_s,
    )
