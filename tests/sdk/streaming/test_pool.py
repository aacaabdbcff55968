from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from speakersdk.audio.microphone import AudioBlock
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER as CLIPS
from speakersdk.encoder.hop import HopEncoder
from speakersdk.errors import (
    ClosedError,
    ConcurrentUseError,
    ConfigError,
    ExpiredVoiceprintError,
    InferenceError,
    InvalidAudioError,
)
from speakersdk.runtime.session import OnnxSession
from speakersdk.streaming.pool import StreamPool
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.voiceprint import Voiceprint

VOICES = ("awb", "kal16", "rms", "slt")


@pytest.fixture(scope="module")
def probes() -> dict[str, np.ndarray]:
    return {voice: read_audio(CLIPS / f"{voice}-probe.flac") for voice in VOICES}


@pytest.fixture
def pool(verifier: Verifier, voiceprints: list[Voiceprint]) -> StreamPool:
    pool = verifier.stream_pool(capacity=8)
    for voice in VOICES:
        pool.add(voice, voiceprints)
    return pool


def test_every_stream_depends_only_on_itself(
    verifier: Verifier,
    voiceprints: list[Voiceprint],
    pool: StreamPool,
    probes: dict[str, np.ndarray],
) -> None:
    found: dict[str, list] = {voice: [] for voice in VOICES}
    for first in range(0, max(map(len, probes.values())), 1600):
        chunks = {
            voice: samples[first : first + 1600]
            for voice, samples in probes.items()
            if first < len(samples)
        }
        for key, updates in pool.push(chunks, sample_rate_hz=SAMPLE_RATE_HZ).items():
            found[key] += updates
    for voice, samples in probes.items():
        alone = verifier.stream(voiceprints).push(samples, sample_rate_hz=SAMPLE_RATE_HZ)
        assert [update.speaker for update in found[voice]] == [update.speaker for update in alone]
        for a, b in zip(found[voice], alone, strict=True):
            assert a.speech == pytest.approx(b.speech, abs=1e-4)
            if a.score is not None:
                assert a.score == pytest.approx(b.score, abs=1e-4)
        assert found[voice][-1].speaker == voice


def test_hops_of_all_streams_share_a_call(
    pool: StreamPool, probes: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = []
    bind = OnnxSession.bind

    def counted(self: OnnxSession, inputs, outputs):  # type: ignore[no-untyped-def]
        run = bind(self, inputs, outputs)

        def call() -> None:
            batches.append(len(inputs["samples"]))
            run()

        return call

    monkeypatch.setattr(OnnxSession, "bind", counted)
    pool.push({voice: samples[:16240] for voice, samples in probes.items()}, sample_rate_hz=16000)
    assert batches == [4] * 10


def test_a_backlog_of_one_stream_does_not_hold_up_the_others(
    pool: StreamPool, probes: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    for voice, stream in pool._streams.items():
        update = stream.update

        def noted(voice=voice, update=update):  # type: ignore[no-untyped-def]
            order.append(voice)
            return update()

        monkeypatch.setattr(stream, "update", noted)
    chunks = {"awb": np.tile(probes["awb"], 3)} | {
        voice: probes[voice][:1840] for voice in VOICES[1:]
    }
    pool.push(chunks, sample_rate_hz=16000)
    assert order[:4] == list(VOICES)
    assert set(order[4:]) == {"awb"}


def test_a_bad_chunk_changes_no_stream(pool: StreamPool, probes: dict[str, np.ndarray]) -> None:
    with pytest.raises(InvalidAudioError):
        pool.push(
            {"awb": probes["awb"], "slt": np.full(100, np.nan, np.float32)}, sample_rate_hz=16000
        )
    assert all(stream.duration_s == 0 for stream in pool._streams.values())


def test_an_expired_voiceprint_changes_no_stream_and_can_leave(
    pool: StreamPool,
    voiceprints: list[Voiceprint],
    probes: dict[str, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ann = replace(voiceprints[0], expires_utc="2100-01-01T00:00:00+00:00")
    pool.add("ann", [ann])
    # It expires while the stream runs.
    monkeypatch.setattr(pool._streams["ann"], "_first_expiry_s", 0.0)
    object.__setattr__(ann, "expires_utc", "2026-11-24T00:00:00+00:00")
    chunks = {"slt": probes["slt"], "ann": probes["awb"]}
    with pytest.raises(ExpiredVoiceprintError):
        pool.push(chunks, sample_rate_hz=16000)
    assert all(stream.duration_s == 0 for stream in pool._streams.values())
    pool.remove("ann")
    assert pool.push({"slt": probes["slt"]}, sample_rate_hz=16000)["slt"]


def test_a_failure_of_the_model_makes_a_gap_in_the_streams_of_the_call(
    pool: StreamPool,
    probes: dict[str, np.ndarray],
    fail_after: Callable[[HopEncoder, int], None],
) -> None:
    pool.push(probes, sample_rate_hz=16000)
    duration_s = pool._streams["slt"].duration_s
    fail_after(pool._encoder, 2)
    chunks = {voice: probes[voice][:16000] for voice in ("slt", "rms")}
    with pytest.raises(InferenceError, match="CUDA failure"):
        pool.push(chunks, sample_rate_hz=16000)
    after = pool.push({voice: probes[voice][:3200] for voice in VOICES}, sample_rate_hz=16000)
    for voice, updates in after.items():
        is_lost = voice in chunks
        assert (updates[0].lost_s is not None) == is_lost
        assert (updates[0].speaker is None) == is_lost
    assert after["slt"][0].time_s == pytest.approx(duration_s + 1.1, abs=0.02)


def test_keys_are_checked_and_streams_can_leave(
    pool: StreamPool, voiceprints: list[Voiceprint]
) -> None:
    with pytest.raises(ConfigError, match="which has a stream"):
        pool.add("awb", voiceprints)
    pool.remove("awb")
    assert len(pool) == 3
    with pytest.raises(ConfigError, match="add it"):
        pool.push({"awb": np.zeros(10, np.float32)}, sample_rate_hz=16000)
    with pytest.raises(ConfigError, match="add it"):
        pool.remove("awb")


def test_a_gap_affects_only_its_stream(
    verifier: Verifier,
    voiceprints: list[Voiceprint],
    pool: StreamPool,
    probes: dict[str, np.ndarray],
) -> None:
    pool.push({"slt": probes["slt"], "rms": probes["rms"]}, sample_rate_hz=SAMPLE_RATE_HZ)
    block = probes["slt"].copy().view(AudioBlock)
    block.lost_s = 1.5
    chunks = {"slt": block, "rms": probes["rms"][:3200]}
    updates = pool.push(chunks, sample_rate_hz=SAMPLE_RATE_HZ)
    assert updates["slt"][0].lost_s == 1.5
    assert updates["rms"][0].lost_s is None
    assert updates["rms"][0].speaker == "rms"
    alone = verifier.stream(voiceprints).push(probes["slt"], sample_rate_hz=SAMPLE_RATE_HZ)
    assert len(alone) == len(updates["slt"])
    for a, b in zip(updates["slt"], alone, strict=True):
        if b.total_score is not None:
            assert a.total_score == pytest.approx(b.total_score, abs=1e-4)
    pool.gap("rms", 2.0)
    chunks = {"rms": probes["rms"][:3200]}
    assert pool.push(chunks, sample_rate_hz=SAMPLE_RATE_HZ)["rms"][0].lost_s == 2.0
    with pytest.raises(ConfigError, match="add it"):
        pool.gap("nobody", 1.0)


def test_a_closed_pool_says_so(
    verifier: Verifier, voiceprints: list[Voiceprint], probes: dict[str, np.ndarray]
) -> None:
    with verifier.stream_pool() as pool:
        pool.add("line", voiceprints)
    for use in (
        lambda: pool.push({"line": probes["slt"]}, sample_rate_hz=SAMPLE_RATE_HZ),
        lambda: pool.add("other", voiceprints),
        lambda: pool.remove("line"),
        lambda: pool.gap("line", 1.0),
        pool.__enter__,
    ):
        with pytest.raises(ClosedError, match="open stream pool, it is closed"):
            use()
    pool.close()


def test_a_pool_is_used_by_one_thread_at_a_time(
    pool: StreamPool, voiceprints: list[Voiceprint], probes: dict[str, np.ndarray]
) -> None:
    with pool._lifetime:  # like another thread that pushes
        for use in (
            lambda: pool.push({"slt": probes["slt"]}, sample_rate_hz=SAMPLE_RATE_HZ),
            lambda: pool.add("new", voiceprints),
            lambda: pool.remove("slt"),
        ):
            with pytest.raises(ConcurrentUseError):
                use()
    assert "new" not in pool._streams
    assert len(pool) == len(VOICES)
