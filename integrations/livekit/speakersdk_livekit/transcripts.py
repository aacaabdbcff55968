"""Transcripts with the name of the speaker, and without those of strangers.

    class Assistant(Agent):
        async def stt_node(self, audio, model_settings):
            gate = VoiceGate(verifier, [ann], forbidden=[assistant])

            def transcribe(frames):
                return Agent.default.stt_node(self, frames, model_settings)

            async for event in gated_transcripts(gate, audio, transcribe):
                yield event

The agent passes the frames of its user through the gate on their way to the transcription.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Literal

from livekit import rtc
from livekit.agents import stt

from speakersdk import ConfigError, VoiceGate

_TRANSCRIPTS = {
    stt.SpeechEventType.INTERIM_TRANSCRIPT,
    stt.SpeechEventType.PREFLIGHT_TRANSCRIPT,
    stt.SpeechEventType.FINAL_TRANSCRIPT,
}
Transcribe = Callable[[AsyncIterable[rtc.AudioFrame]], AsyncIterable[stt.SpeechEvent | str]]


async def gated_transcripts(
    gate: VoiceGate,
    audio: AsyncIterable[rtc.AudioFrame],
    transcribe: Transcribe,
    *,
    strangers: Literal["drop", "stamp"] = "drop",
) -> AsyncIterator[stt.SpeechEvent | str]:
    """Transcribe audio with the names of the speakers.

    Audio is passed to the transcription unchanged and at once. A transcript gets the decision on
    the last speech: `speaker_id` of its alternatives is the allowed speaker or None, and
    `is_primary_speaker` is whether there is one.

    Args:
        gate: a voice gate for this audio only.
        audio: frames of the user.
        transcribe: function from frames to events or texts, such as the node of the framework.
        strangers: "drop" the transcripts and turns of others, or only "stamp" them.

    Yields:
        The events or texts of the transcription.

    Raises:
        speakersdk.ConfigError: `strangers` is something else.
    """
    if strangers not in {"drop", "stamp"}:
        raise ConfigError(f"expected strangers to be 'drop' or 'stamp', got {strangers!r}")

    async def allowed() -> AsyncIterator[rtc.AudioFrame]:
        async for frame in audio:
            gate.push_pcm(
                bytes(frame.data),
                sample_rate_hz=frame.sample_rate,
                num_channels=frame.num_channels,
            )
            yield frame

    is_started = False
    async for event in transcribe(allowed()):
        speech = gate.last_speech
        is_allowed = speech is not None and speech.is_open
        passes = is_allowed or strangers == "stamp"
        if isinstance(event, str):
            if passes:
                yield event
        elif event.type in _TRANSCRIPTS:
            for alternative in event.alternatives:
                alternative.speaker_id = None if speech is None else speech.speaker
                alternative.is_primary_speaker = is_allowed
            if passes:
                yield event
        elif event.type is stt.SpeechEventType.START_OF_SPEECH:
            is_started = passes
            if passes:
                yield event
        elif event.type is stt.SpeechEventType.END_OF_SPEECH:
            if is_started or passes:
                yield event
            is_started = False
        else:
            yield event
