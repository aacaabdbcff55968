"""Voice activity of allowed voices: only these start turns and interrupt the agent.

frames -> inner detector -> events; the start of speech is delayed until the voice gate opens
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from livekit import rtc
from livekit.agents import vad

from speakersdk import Verifier, VoiceGate, Voiceprint
from speakersdk.voice_gate import SILENCE_S


class GatedVAD(vad.VAD):
    """A voice activity detector that reports only the speech of allowed voices.

    The start of speech is reported when the voice is recognized, and its end when the inner
    detector reports it. While no allowed voice speaks, the events report no speech.

    Args:
        inner: the inner detector, such as that of livekit-plugins-silero.
        verifier: makes the decisions, at its false-accept rate.
        allowed: voiceprints of the allowed voices.
        forbidden: voiceprints of voices that must not be mistaken for them, such as the agent's
            own.
        silence_s: silence after which a voice must be recognized again.

    Raises:
        speakersdk.ConfigError: nobody is allowed, or two voiceprints have the same name.
    """

    def __init__(
        self,
        inner: vad.VAD,
        verifier: Verifier,
        allowed: Sequence[Voiceprint],
        *,
        forbidden: Sequence[Voiceprint] = (),
        silence_s: float = SILENCE_S,
    ) -> None:
        super().__init__(capabilities=inner.capabilities)
        self._inner = inner
        self._verifier = verifier
        self._allowed = tuple(allowed)
        self._forbidden = tuple(forbidden)
        self._silence_s = silence_s
        self._new_gate()  # report errors now and not in a session

    def stream(self) -> GatedVADStream:
        """Start a stream with its own evidence."""
        return GatedVADStream(self, self._inner.stream(), self._new_gate())

    def _new_gate(self) -> VoiceGate:
        return VoiceGate(
            self._verifier, self._allowed, forbidden=self._forbidden, silence_s=self._silence_s
        )


class GatedVADStream(vad.VADStream):
    """One stream of a `GatedVAD`, made by `GatedVAD.stream`."""

    def __init__(self, detector: GatedVAD, inner: vad.VADStream, gate: VoiceGate) -> None:
        self._inner = inner
        self._gate = gate
        self._start: vad.VADEvent | None = None  # start of speech that is not yet reported
        self._is_reported = False
        super().__init__(detector)

    async def _main_task(self) -> None:
        tasks = asyncio.create_task(self._feed()), asyncio.create_task(self._forward())
        try:
            await asyncio.gather(*tasks)  # the first error of either ends the stream
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._inner.aclose()

    async def _feed(self) -> None:
        """Pass on the frames to the inner detector and the gate."""
        async for item in self._input_ch:
            if isinstance(item, self._FlushSentinel):
                self._inner.flush()
                self._restart()
            else:
                self._inner.push_frame(item)
                self._hear(item)
        self._inner.end_input()

    def _restart(self) -> None:
        """Forget the segment, as the contract of `flush` requires."""
        self._gate.restart()
        self._start = None
        self._is_reported = False

    def _hear(self, frame: rtc.AudioFrame) -> None:
        self._gate.push_pcm(
            bytes(frame.data), sample_rate_hz=frame.sample_rate, num_channels=frame.num_channels
        )
        self._report_start()

    def _report_start(self) -> None:
        if self._start is not None and self._gate.is_open:
            self._event_ch.send_nowait(self._start)
            self._start = None
            self._is_reported = True

    async def _forward(self) -> None:
        """Pass on the events of the inner detector for allowed voices."""
        async for event in self._inner:
            if event.type is vad.VADEventType.START_OF_SPEECH:
                self._start = event
                self._report_start()
            elif event.type is vad.VADEventType.END_OF_SPEECH:
                if self._is_reported:
                    self._event_ch.send_nowait(event)
                self._start = None
                self._is_reported = False
            else:
                self._event_ch.send_nowait(event if self._is_allowed else _quiet(event))

    @property
    def _is_allowed(self) -> bool:
        return self._is_reported and self._gate.is_open


def _quiet(event: vad.VADEvent) -> vad.VADEvent:
    """Return the event without speech, because sessions interrupt on its duration of speech."""
    return replace(
        event, speaking=False, speech_duration=0.0, raw_accumulated_speech=0.0, probability=0.0
    )
