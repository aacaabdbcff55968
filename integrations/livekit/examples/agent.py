"""A voice agent that only an enrolled speaker can talk to and interrupt.

    speakersdk listen --enroll ann
    python integrations/livekit/examples/agent.py console

Like every LiveKit agent it needs a transcription, a language model, a voice and their keys.
Enroll the agent's voice as `assistant` to prevent it from interrupting itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from livekit import rtc
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, ModelSettings, cli, stt
from livekit.plugins import silero
from speakersdk_livekit.gated_vad import GatedVAD
from speakersdk_livekit.transcripts import gated_transcripts

from speakersdk import Verifier, VoiceGate, VoiceprintStore

VERIFIER = Verifier(far=0.01)
STORE = VoiceprintStore()
ALLOWED = [STORE.load(name) for name in STORE.names() if name != "assistant"]
FORBIDDEN = [STORE.load("assistant")] if "assistant" in STORE.names() else []
server = AgentServer()


class Assistant(Agent):
    """An agent that answers enrolled speakers."""

    def __init__(self) -> None:
        super().__init__(instructions="You are a helpful assistant. Answer in one sentence.")
        self._gate = VoiceGate(VERIFIER, ALLOWED, forbidden=FORBIDDEN)

    async def stt_node(
        self, audio: AsyncIterable[rtc.AudioFrame], model_settings: ModelSettings
    ) -> AsyncIterator[stt.SpeechEvent | str]:
        """Yield transcripts of allowed voices, with their names."""
        async for event in gated_transcripts(
            self._gate, audio, lambda allowed: Agent.default.stt_node(self, allowed, model_settings)
        ):
            yield event


@server.rtc_session()
async def entrypoint(context: JobContext) -> None:
    """Join a room."""
    session: AgentSession[None] = AgentSession(
        stt="deepgram/nova-3",
        llm="openai/gpt-4.1-mini",
        tts="cartesia/sonic-2",
        vad=GatedVAD(silero.VAD.load(), VERIFIER, ALLOWED, forbidden=FORBIDDEN),
    )
    await session.start(agent=Assistant(), room=context.room)


if __name__ == "__main__":
    cli.run_app(server)
