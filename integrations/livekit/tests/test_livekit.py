"""The detector and the transcription node with real streams of LiveKit, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from livekit import rtc
from livekit.agents import Agent, APIConnectOptions, ModelSettings, stt, utils, vad
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.plugins import silero
from speakersdk_livekit.gated_vad import GatedVAD
from speakersdk_livekit.transcripts import gated_transcripts

import speakersdk.demo_clips
from speakersdk import ConfigError, Verifier, VoiceGate, Voiceprint

CLIPS = Path(speakersdk.demo_clips.__file__).parent
RATE_HZ = 16000
FRAME_S = 0.02
HOP_S = 0.1
PATIENCE_S = 120.0
START = vad.VADEventType.START_OF_SPEECH
DONE = vad.VADEventType.INFERENCE_DONE
END = vad.VADEventType.END_OF_SPEECH


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier()


@pytest.fixture(scope="module")
def people(verifier: Verifier) -> dict[str, Voiceprint]:
    return {
        name: verifier.enroll([CLIPS / f"{name}-enroll-{n}.flac" for n in (1, 2)], name=name)
        for name in ("slt", "rms")
    }


@pytest.fixture(scope="module")
def inner() -> vad.VAD:
    return silero.VAD.load(force_cpu=True)


def clip(name: str) -> np.ndarray:
    """Return the clip between silences, which end its speech."""
    samples, _ = sf.read(CLIPS / f"{name}-probe.flac", dtype="int16")
    return np.concatenate([np.zeros(RATE_HZ // 2, np.int16), samples, np.zeros(RATE_HZ, np.int16)])


def frames(samples: np.ndarray) -> list[rtc.AudioFrame]:
    """Yield frames of 20 ms."""
    size = round(FRAME_S * RATE_HZ)
    pieces = [samples[first : first + size] for first in range(0, len(samples), size)]
    return [rtc.AudioFrame(piece.tobytes(), RATE_HZ, 1, len(piece)) for piece in pieces]


async def heard(
    stream: vad.VADStream, samples: np.ndarray
) -> AsyncIterator[tuple[float, vad.VADEvent]]:
    """Push frames, and yield each event with the seconds pushed before it.

    The inner detector works in a thread, on windows of 512 samples. Frames wait for it here, as
    they come no faster in a session.
    """
    pushed = seen = 0
    for frame in frames(samples):
        stream.push_frame(frame)
        pushed += frame.samples_per_channel
        while seen < pushed // 512 * 512:
            event = await anext(stream)
            if event.type is DONE:
                seen = event.samples_index
            yield pushed / RATE_HZ, event


def events(detector: vad.VAD, samples: np.ndarray) -> list[vad.VADEvent]:
    async def main() -> list[vad.VADEvent]:
        stream = detector.stream()
        try:
            return [event async for _, event in heard(stream, samples)]
        finally:
            await stream.aclose()

    return asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


def of(kind: vad.VADEventType, found: list[vad.VADEvent]) -> list[vad.VADEvent]:
    return [event for event in found if event.type is kind]


def test_the_allowed_voice_starts_and_ends_speech(
    verifier: Verifier, people: dict[str, Voiceprint], inner: vad.VAD
) -> None:
    found = events(GatedVAD(inner, verifier, [people["slt"]]), clip("slt"))
    assert len(of(START, found)) == len(of(END, found)) > 0
    assert found.index(of(START, found)[0]) < found.index(of(END, found)[0])
    assert any(event.speaking for event in of(DONE, found))


def test_strangers_and_the_agents_own_voice_do_not(
    verifier: Verifier, people: dict[str, Voiceprint], inner: vad.VAD
) -> None:
    assert of(START, events(inner, clip("rms")))  # the inner detector reports them
    for forbidden in ([], [people["rms"]]):
        detector = GatedVAD(inner, verifier, [people["slt"]], forbidden=forbidden)
        found = events(detector, clip("rms"))
        assert of(START, found) == of(END, found) == []
        assert of(DONE, found)
        # Sessions interrupt on these.
        assert not any(event.speaking or event.speech_duration for event in of(DONE, found))


class BrokenStream(vad.VADStream):
    """A stream that fails at the first frame."""

    async def _main_task(self) -> None:
        await anext(self._input_ch)
        raise RuntimeError("the detector is broken")


class Broken(vad.VAD):
    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=0.032))

    def stream(self) -> vad.VADStream:
        return BrokenStream(self)


def test_an_error_of_the_inner_detector_ends_the_stream(
    verifier: Verifier, people: dict[str, Voiceprint]
) -> None:
    async def main() -> None:
        stream = GatedVAD(Broken(), verifier, [people["slt"]]).stream()
        try:
            stream.push_frame(frames(clip("slt"))[0])
            await anext(stream)  # the input has not ended
        finally:
            await stream.aclose()

    with pytest.raises(RuntimeError, match="the detector is broken"):
        asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


def test_the_start_is_reported_within_a_hop_of_the_decision(
    verifier: Verifier, people: dict[str, Voiceprint], inner: vad.VAD
) -> None:
    samples = clip("slt")
    updates = verifier.stream([people["slt"]]).push(samples, sample_rate_hz=RATE_HZ)
    accepted_s = next(update.time_s for update in updates if update.verdict == "accept")

    async def main() -> float:
        stream = GatedVAD(inner, verifier, [people["slt"]]).stream()
        try:
            async for pushed_s, event in heard(stream, samples):
                if event.type is START:
                    return pushed_s
            raise AssertionError("no start of speech")
        finally:
            await stream.aclose()

    reported_s = asyncio.run(asyncio.wait_for(main(), PATIENCE_S))
    # Waiting for a window of 32 ms delays the test, but not a session.
    assert accepted_s - FRAME_S <= reported_s <= accepted_s + HOP_S


def test_a_gate_without_voices_is_refused(
    verifier: Verifier, people: dict[str, Voiceprint], inner: vad.VAD
) -> None:
    with pytest.raises(ConfigError):
        GatedVAD(inner, verifier, [], forbidden=[people["rms"]])


class Words(stt.STT):
    """A transcription that returns the same words at the end of all audio."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))

    async def _recognize_impl(
        self,
        buffer: utils.AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        raise NotImplementedError("a stream alone")

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,  # noqa: ARG002 (the interface's)
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        return WordStream(stt=self, conn_options=conn_options)


class WordStream(stt.RecognizeStream):
    async def _run(self) -> None:
        num_samples = 0
        async for frame in self._input_ch:
            if isinstance(frame, rtc.AudioFrame):
                num_samples += frame.samples_per_channel
        data = stt.SpeechData(language="en", text=f"{num_samples} samples")
        for kind in (
            stt.SpeechEventType.START_OF_SPEECH,
            stt.SpeechEventType.INTERIM_TRANSCRIPT,
            stt.SpeechEventType.FINAL_TRANSCRIPT,
            stt.SpeechEventType.END_OF_SPEECH,
        ):
            is_transcript = kind.value.endswith("transcript")
            self._event_ch.send_nowait(
                stt.SpeechEvent(type=kind, alternatives=[data] if is_transcript else [])
            )


class Assistant(Agent):
    """An agent whose transcription node is gated, as in the documents."""

    def __init__(self, gate: VoiceGate, strangers: str) -> None:
        super().__init__(instructions="")
        self._gate = gate
        self._strangers = strangers

    async def stt_node(
        self,
        audio: AsyncIterable[rtc.AudioFrame],
        model_settings: ModelSettings,  # noqa: ARG002 (the interface's)
    ) -> AsyncIterator[stt.SpeechEvent | str]:
        async for event in gated_transcripts(
            self._gate, audio, transcribed, strangers=self._strangers
        ):
            yield event


async def transcribed(audio: AsyncIterable[rtc.AudioFrame]) -> AsyncIterator[stt.SpeechEvent]:
    async with Words().stream() as stream:
        async for frame in audio:
            stream.push_frame(frame)
        stream.end_input()
        async for event in stream:
            yield event


def transcripts(gate: VoiceGate, samples: np.ndarray, strangers: str) -> list[stt.SpeechEvent]:
    async def played() -> AsyncIterator[rtc.AudioFrame]:
        for frame in frames(samples):
            yield frame

    async def main() -> list[stt.SpeechEvent]:
        agent = Assistant(gate, strangers)
        return [event async for event in agent.stt_node(played(), ModelSettings())]

    return asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


def test_transcripts_have_the_speaker(verifier: Verifier, people: dict[str, Voiceprint]) -> None:
    found = transcripts(VoiceGate(verifier, [people["slt"]]), clip("slt"), "drop")
    assert len(found) == 4
    data = found[2].alternatives[0]
    assert (data.speaker_id, data.is_primary_speaker) == ("slt", True)
    assert data.text == f"{len(clip('slt'))} samples"  # all audio was processed


def test_transcripts_of_strangers_are_dropped_or_stamped(
    verifier: Verifier, people: dict[str, Voiceprint]
) -> None:
    gate = VoiceGate(verifier, [people["slt"]], forbidden=[people["rms"]])
    assert transcripts(gate, clip("rms"), "drop") == []
    found = transcripts(VoiceGate(verifier, [people["slt"]]), clip("rms"), "stamp")
    data = found[2].alternatives[0]
    assert (data.speaker_id, data.is_primary_speaker) == (None, False)
