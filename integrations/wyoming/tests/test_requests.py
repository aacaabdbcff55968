"""Conversations of the real client with the service, in front of real services of the library."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import soundfile as sf
import soxr
from services import CLIPS, DEADLINE_S, Behind, Service, spoken
from speakersdk_wyoming import identity
from speakersdk_wyoming.people import People
from speakersdk_wyoming.requests import Client, WakeDetection
from speakersdk_wyoming.settings import Settings
from speakersdk_wyoming.upstream import UpstreamError, transcribed
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioStop
from wyoming.client import AsyncClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.wake import Detect, Detection

from speakersdk import Verifier, VoiceprintStore

Converse = Callable[..., list[Event]]
Start = Callable[..., Service]
TRANSCRIBE = Transcribe(language="en").event()


@pytest.fixture(scope="module")
def service(start: Start, enrolled: Path, asr: Behind, wake: Behind) -> Service:
    """A service that withholds nothing."""
    return start(enrolled, "--asr", asr.uri, "--wake", wake.uri)


@pytest.fixture(scope="module")
def strict(start: Start, enrolled: Path, asr: Behind, wake: Behind) -> Service:
    """A service that withholds transcripts of strangers, and tags the others."""
    return start(enrolled, "--asr", asr.uri, "--wake", wake.uri, "--withhold", "rejected", "--tag")


def chunk_of(pcm: bytes, *, rate: object = 16000, width: int = 2, channels: int = 1) -> Event:
    return Event("audio-chunk", {"rate": rate, "width": width, "channels": channels}, pcm)


def transcript(answers: list[Event]) -> Transcript:
    (answer,) = answers
    assert Transcript.is_type(answer.type), answer
    return Transcript.from_event(answer)


def test_the_transcript_says_who_spoke(service: Service, asr: Behind, converse: Converse) -> None:
    known, stranger = (
        transcript(converse(service, TRANSCRIBE, *spoken(f"{voice}-probe")))
        for voice in ("slt", "rms")
    )
    assert known.text == stranger.text == "turn on the light"
    assert known.language == "en"
    assert known.context is not None
    assert stranger.context is not None
    assert known.context["engine"] == "fixed"  # the answer of the service behind is unchanged
    assert (known.context["speaker"], known.context["verdict"]) == ("slt", "accept")
    assert (stranger.context["speaker"], stranger.context["verdict"]) == (None, "reject")
    assert asr.languages[-1] == "en"


def test_words_of_strangers_are_withheld(strict: Service, asr: Behind, converse: Converse) -> None:
    known = transcript(converse(strict, TRANSCRIBE, *spoken("slt-probe")))
    assert known.text == "[slt] turn on the light"
    num_received = len(asr.received_bytes)
    stranger = transcript(converse(strict, TRANSCRIBE, *spoken("rms-probe")))
    assert stranger.text == ""
    assert stranger.context is not None
    assert stranger.context["verdict"] == "reject"
    assert len(asr.received_bytes) == num_received  # the service behind did not receive them


def test_any_audio_format_is_taken_and_forwarded_unchanged(
    service: Service, asr: Behind, converse: Converse
) -> None:
    events = spoken("slt-probe", rate_hz=48000)
    known = transcript(converse(service, TRANSCRIBE, *events))
    assert known.context is not None
    assert known.context["speaker"] == "slt"
    assert asr.received_bytes[-1] == sum(len(event.payload or b"") for event in events)


@pytest.mark.parametrize(
    ("rate_hz", "width", "channels"), [(48000, 2, 2), (44100, 3, 1), (16000, 4, 2), (8000, 1, 1)]
)
def test_the_evidence_is_that_of_the_sdk_in_any_format(
    service: Service, converse: Converse, rate_hz: int, width: int, channels: int
) -> None:
    samples, _ = sf.read(CLIPS / "slt-probe.flac")
    samples = soxr.resample(samples, 16000, rate_hz)
    samples *= 0.9 / abs(samples).max()  # loud: the sum of two channels would be clipped
    full_scale = 2 ** (8 * width - 1)
    integers = (samples * (full_scale - 1)).astype(np.int32).repeat(channels)
    if width == 1:
        pcm = (integers + 128).astype(np.uint8).tobytes()
    else:
        pcm = integers.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
    (answer,) = converse(
        service,
        Event(identity.IDENTIFY),
        chunk_of(pcm, rate=rate_hz, width=width, channels=channels),
        AudioStop().event(),
    )
    verifier = Verifier()
    [slt] = VoiceprintStore(service.folder).content().voiceprints
    expected = verifier.verify(slt, integers[::channels] / full_scale, sample_rate_hz=rate_hz)
    assert answer.data["context"]["llr"] == pytest.approx(expected.llr, abs=1e-3)


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"{}",
        b"5",
        b"not json",
        b'{"type": 5}',
        b'{"type": "ping", "data": ["a"]}',
        b'{"type": "ping", "data_length": "12"}',
        b'{"type": "audio-chunk", "payload_length": 1000000000000}',
        b'{"type": "ping", "data_length": 100000, "data": {}}' + b"[" * 100000,
        b"x" * 100000,
    ],
    ids=lambda line: line[:60].decode(),
)
def test_what_is_not_an_event_ends_the_connection_with_an_error(
    service: Service, line: bytes
) -> None:
    async def sent() -> Event | None:
        answer = None
        # The service does not read the rest, and the connection may therefore be reset.
        with suppress(ConnectionResetError):
            async with AsyncClient.from_uri(service.uri, read_timeout=DEADLINE_S) as client:
                assert client._writer is not None
                client._writer.write(line + b"\n" + b"[" * 100000)
                answer = await client.read_event()
        return answer

    answer = asyncio.run(sent())
    assert answer is not None
    assert Error.from_event(answer).code == "MalformedEvent"


@pytest.mark.parametrize(
    "event",
    [
        Event("audio-chunk", {"rate": 16000, "width": 2}, bytes(2)),
        chunk_of(bytes(2), rate=10**400),
        chunk_of(bytes(2), rate=10**6),
        chunk_of(bytes(2000), channels=1000),
        chunk_of(bytes(2), rate=[16000]),
        Event("audio-chunk", {"rate": 16000, "width": {}, "channels": None}, bytes(2)),
    ],
    ids=lambda event: str(event.data)[:60],
)
def test_what_is_not_audio_is_an_error_and_the_connection_stays(
    service: Service, converse: Converse, event: Event
) -> None:
    answer, pong = converse(service, Event(identity.IDENTIFY), event, Event("ping"), num=2)
    assert Error.is_type(answer.type), answer
    assert len(Error.from_event(answer).text) < 500
    assert pong.type == "pong"


def test_a_wake_word_names_its_speaker(service: Service, converse: Converse) -> None:
    (answer,) = converse(service, Detect().event(), *spoken("slt-probe"))
    detection = Detection.from_event(answer)
    assert (detection.name, detection.timestamp, detection.speaker) == ("ok", 7, "slt")


def test_a_wake_word_of_a_stranger_is_withheld(strict: Service, converse: Converse) -> None:
    # The detection would come first. A describe is answered after it, once the audio has ended.
    events = [Detect().event(), *spoken("rms-probe"), Describe().event()]
    assert [event.type for event in converse(strict, *events)] == ["info"]


def test_identify_names_only_a_known_speaker(service: Service, converse: Converse) -> None:
    request = Event(identity.IDENTIFY)
    (known,) = converse(service, request, *spoken("slt-probe"))
    assert (known.type, known.data["name"]) == ("identified", "slt")
    assert 0.5 < known.data["confidence"] <= 1
    (stranger,) = converse(service, request, *spoken("rms-probe"))
    assert stranger.type == "not-identified"
    assert stranger.data["context"]["verdict"] == "reject"


def test_identify_waits_after_rejections_in_a_row(
    start: Start, tmp_path: Path, enrolled: Path, converse: Converse
) -> None:
    """A request with one name counts for that speaker, and another one for the client."""
    copytree(enrolled, tmp_path / "voiceprints")
    service = start(tmp_path / "voiceprints", "--limit", "2")
    for data in ({"names": ["slt"]}, {}):
        request = Event(identity.IDENTIFY, data)
        for clip, answer in (
            ("rms-probe", "not-identified"),
            ("slt-probe", "identified"),  # the count begins again
            ("rms-probe", "not-identified"),
            ("rms-probe", "not-identified"),
        ):
            assert converse(service, request, *spoken(clip))[0].type == answer
        (refusal,) = converse(service, request, *spoken("slt-probe"))
        assert (refusal.type, refusal.data["code"]) == ("error", "AttemptLimitError")
    # Transcripts tell who speaks and are not attempts: `--asr` is what this service lacks.
    (answer,) = converse(service, TRANSCRIBE, *spoken("slt-probe"))
    assert answer.data["code"] == "UpstreamError"


def test_a_speaker_is_enrolled_added_to_and_deleted(
    start: Start, tmp_path: Path, converse: Converse
) -> None:
    service = start(tmp_path, "--enroll")
    enroll = Event(identity.ENROLL, {"name": "slt"})
    for number in (1, 2):
        (answer,) = converse(service, enroll, *spoken(f"slt-enroll-{number}"))
        assert (answer.type, answer.data["name"]) == ("enrolled", "slt")
        assert len(VoiceprintStore(tmp_path).load("slt").exemplars) == number
    (other,) = converse(service, enroll, *spoken("rms-enroll-1"))
    assert Error.is_type(other.type)  # another voice with the same name
    (info,) = converse(service, Describe().event())
    (program,) = info.data["identity"]
    assert program["models"][0]["identities"] == [{"name": "slt"}]
    delete = Event(identity.DELETE, {"name": "slt"})
    first, second = converse(service, delete, delete, num=2)
    assert (first.type, first.data["name"]) == ("deleted", "slt")
    assert Error.is_type(second.type)
    (nobody,) = converse(service, Event(identity.IDENTIFY), *spoken("slt-probe"))
    assert nobody.data["context"]["reason"] == "nobody is enrolled"


def test_enrolling_is_off_by_default(service: Service, converse: Converse) -> None:
    for event in (Event(identity.ENROLL, {"name": "x"}), Event(identity.DELETE, {"name": "slt"})):
        (answer,) = converse(service, event)
        assert "--enroll" in Error.from_event(answer).text
    assert VoiceprintStore(service.folder).names() == ("slt",)


def test_describe_shows_the_services_behind(service: Service, converse: Converse) -> None:
    (answer,) = converse(service, Describe().event())
    info = Info.from_event(answer)
    assert [each.name for each in info.asr] == ["fixed-asr"]
    assert info.asr[0].models[0].languages == ["en"]
    assert [each.name for each in info.wake] == ["timer"]


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([Event(identity.IDENTIFY, {"names": ["nobody"]}), *spoken("slt-probe")], "'nobody'"),
        ([Event(identity.IDENTIFY), Event("audio-stop")], "expected at least"),
        ([Event("delete")], "--enroll"),
        ([Event(identity.IDENTIFY, {"names": "slt"}), *spoken("slt-probe")], "names to be a list"),
        ([Event(identity.IDENTIFY, {"names": ["a"] * 1001}), *spoken("slt-probe")], "at most 1000"),
        ([Event(identity.IDENTIFY, {"names": [5]}), *spoken("slt-probe")], "names to be a list"),
        ([Event(identity.IDENTIFY), chunk_of(b"abc")], "whole samples"),
        ([Event(identity.IDENTIFY), chunk_of(b"", rate="16000")], "as rate, width and channels"),
        ([Event(identity.IDENTIFY), chunk_of(b"ab"), chunk_of(b"ab", rate=8000)], "one format"),
    ],
)
def test_an_error_is_an_event_and_the_connection_stays(
    service: Service, converse: Converse, events: list[Event], message: str
) -> None:
    error, info = converse(service, *events, Describe().event(), num=2)
    assert message in Error.from_event(error).text
    assert info.type == "info"


def test_an_error_of_the_system_is_an_event(
    start: Start, tmp_path: Path, converse: Converse
) -> None:
    folder = tmp_path / "voiceprints"
    service = start(folder, "--enroll")
    folder.touch()  # a file, where the store makes its folder
    enroll = Event(identity.ENROLL, {"name": "slt"})
    error, info = converse(service, enroll, *spoken("slt-enroll-1"), Describe().event(), num=2)
    assert "voiceprints" in Error.from_event(error).text
    assert Error.is_type(info.type)  # the names of the people cannot be listed either


@asynccontextmanager
async def deaf(path: Path) -> AsyncIterator[str]:
    """Run a service that accepts connections and reads nothing; yield its address."""
    is_over = asyncio.Event()

    async def listen(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await is_over.wait()
        writer.close()

    server = await asyncio.start_unix_server(listen, path)
    try:
        yield f"unix://{path}"
    finally:
        is_over.set()
        server.close()


def wake_detection(folder: Path, settings: Settings) -> WakeDetection:
    """Return a request that expects no detection."""

    async def write(_: Event) -> None:
        raise AssertionError("nothing was detected")

    people = People(Verifier, partial(VoiceprintStore, folder), tries=None)
    return WakeDetection(Detect().event(), people, settings, Client("local", write))


def test_audio_does_not_pile_up_for_a_service_that_does_not_read(
    short_folder: Path, tmp_path: Path
) -> None:
    async def talk() -> None:
        async with deaf(short_folder / "deaf") as uri:
            request = wake_detection(tmp_path, Settings(wake=uri))
            try:
                # The connection itself takes less than 10,000 events of 16 kB.
                for _ in range(20_000):
                    await request.take(chunk_of(bytes(16_000)))
                    await asyncio.sleep(0)  # the other tasks send as much as they can
            finally:
                await request.close()

    with pytest.raises(UpstreamError, match="takes no more audio"):
        asyncio.run(asyncio.wait_for(talk(), DEADLINE_S))


# More than the buffers of a connection take.
MUCH_AUDIO = [chunk_of(bytes(16_000)) for _ in range(500)]


def test_a_wake_word_service_that_reads_nothing_is_an_error_at_the_end_of_the_audio(
    short_folder: Path, tmp_path: Path
) -> None:
    async def talk() -> None:
        async with deaf(short_folder / "deaf") as uri:
            request = wake_detection(tmp_path, Settings(wake=uri, upstream_s=0.1))
            try:
                for event in (*MUCH_AUDIO, AudioStop().event()):
                    await request.take(event)
                    await asyncio.sleep(0)
            finally:
                await request.close()

    with pytest.raises(UpstreamError, match="does not answer"):
        asyncio.run(asyncio.wait_for(talk(), DEADLINE_S))


def test_a_recognition_service_that_reads_nothing_is_an_error(short_folder: Path) -> None:
    async def talk() -> None:
        async with deaf(short_folder / "deaf") as uri:
            await transcribed(uri, [TRANSCRIBE, *MUCH_AUDIO], 0.1)

    with pytest.raises(UpstreamError, match="does not answer"):
        asyncio.run(asyncio.wait_for(talk(), DEADLINE_S))


def test_a_missing_service_behind_is_an_error(
    start: Start, enrolled: Path, tmp_path: Path, converse: Converse
) -> None:
    service = start(enrolled, "--asr", f"unix://{tmp_path}/none", "--max-duration", "1")
    (answer,) = converse(service, Describe().event())
    assert "cannot be used" in Error.from_event(answer).text
    (answer,) = converse(service, Event(identity.IDENTIFY), *spoken("slt-probe"))
    assert "at most 1 s" in Error.from_event(answer).text


def test_sigterm_waits_for_the_answer(start: Start, enrolled: Path, asr: Behind) -> None:
    service = start(enrolled, "--asr", asr.uri)
    asr.may_answer.clear()
    asr.is_asked.clear()

    async def ask() -> Event | None:
        async with AsyncClient.from_uri(service.uri, read_timeout=DEADLINE_S) as client:
            for event in (TRANSCRIBE, *spoken("slt-probe")):
                await client.write_event(event)
            assert await asyncio.to_thread(asr.is_asked.wait, DEADLINE_S)
            service.terminate()
            asr.may_answer.set()
            return await client.read_event()

    answer = asyncio.run(ask())
    assert answer is not None
    assert Transcript.from_event(answer).text == "turn on the light"
    assert service.process.wait(DEADLINE_S) == 0
