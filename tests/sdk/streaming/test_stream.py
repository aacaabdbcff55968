import gc
import math
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime, tzinfo
from pathlib import Path

import numpy as np
import pytest

from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.calibration.calibration import Calibration
from speakersdk.calibration.cohort import Cohort
from speakersdk.decision.outcome import Verdict
from speakersdk.decision.rule import Request
from speakersdk.decision.speaker_change import KEPT_S
from speakersdk.demo_clips import FOLDER as CLIPS
from speakersdk.encoder.statistics_ring import SO_FAR
from speakersdk.errors import (
    ConfigError,
    ExpiredVoiceprintError,
    InvalidAudioError,
    ModelError,
)
from speakersdk.streaming.options import SILENCE_S
from speakersdk.streaming.stream import SpeakerStream
from speakersdk.streaming.update import StreamUpdate
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.life import expiry_after
from speakersdk.voiceprint.voiceprint import Voiceprint

MODELS = Path(__file__).parents[2] / "data" / "models"
VOICES = ("awb", "kal16", "rms", "slt")
ACCEPT = Verdict.ACCEPT


def calibrated(verifier: Verifier) -> Calibration:
    calibration = verifier.manifest.calibration
    assert calibration is not None
    return calibration


def push(
    stream: SpeakerStream,
    samples: np.ndarray,
    *,
    rate_hz: float = SAMPLE_RATE_HZ,
    chunk: int = 1600,
) -> list[StreamUpdate]:
    updates = []
    for first in range(0, len(samples), chunk):
        updates += stream.push(samples[first : first + chunk], sample_rate_hz=rate_hz)
    return updates


def test_the_enrolled_voice_is_accepted_by_name(
    verifier: Verifier, voiceprints: list[Voiceprint], probe: np.ndarray
) -> None:
    updates = push(verifier.stream(voiceprints), probe)
    assert len(updates) == (len(probe) - 240) // 1600
    np.testing.assert_allclose(
        [update.time_s for update in updates], 0.1 * np.arange(1, len(updates) + 1)
    )
    last = updates[-1]
    assert (last.verdict, last.speaker) == (Verdict.ACCEPT, "slt")
    assert last.margin is not None
    assert last.margin > 0
    assert [candidate.name for candidate in last.candidates] == list(VOICES)


@pytest.mark.parametrize("chunk", [1, 333, 1600, 100_000])
def test_updates_do_not_depend_on_the_chunks(
    verifier: Verifier, voiceprints: list[Voiceprint], probe: np.ndarray, chunk: int
) -> None:
    samples = probe[:24000]
    expected = push(verifier.stream(voiceprints), samples)
    assert push(verifier.stream(voiceprints), samples, chunk=chunk) == expected


def test_the_speech_so_far_scores_as_a_recording_does(
    verifier: Verifier, voiceprints: list[Voiceprint], probe: np.ndarray
) -> None:
    stream = verifier.stream(voiceprints, window_s=60.0)
    updates = push(stream, probe) + stream.finish()
    last = [update for update in updates if update.age_s == 0][-1]
    offline = dict(verifier.identify(voiceprints, probe, sample_rate_hz=SAMPLE_RATE_HZ).ranking)
    for candidate in last.candidates:
        # Pauses are not evidence for a stream, but part of a recording: similar, not equal.
        assert candidate.total_score == pytest.approx(offline[candidate.name].score, abs=0.01)
        # A window that is longer than the stream contains all of its speech.
        assert candidate.score == pytest.approx(candidate.total_score, abs=1e-4)


@pytest.mark.parametrize("rate_hz", [8000, 44100, 48000])
def test_any_rate_is_taken_and_chunks_do_not_matter(
    verifier: Verifier, voiceprints: list[Voiceprint], probe: np.ndarray, rate_hz: int
) -> None:
    import soxr

    recorded = soxr.resample(probe, SAMPLE_RATE_HZ, rate_hz)
    pcm = np.round(np.clip(recorded, -1, 1) * 32767).astype(np.int16)
    results = []
    for chunk in (497, 4096):
        stream = verifier.stream(voiceprints)
        results.append(push(stream, pcm, rate_hz=rate_hz, chunk=chunk) + stream.finish())
    small, large = results
    assert len(small) == len(large)
    assert abs(len(small) - len(probe) / 1600) <= 1
    for a, b in zip(small, large, strict=True):
        assert a.speech == pytest.approx(b.speech, abs=1e-4)
        if a.score is not None:
            assert a.score == pytest.approx(b.score, abs=1e-4)
    if rate_hz > 16000:
        assert small[-1].speaker == "slt"


def test_silence_is_not_evidence_and_ages_the_score(
    verifier: Verifier, voiceprints: list[Voiceprint], probe: np.ndarray
) -> None:
    stream = verifier.stream(voiceprints)
    spoken = push(stream, probe)[-1]
    silent = push(stream, np.zeros(2 * SAMPLE_RATE_HZ, np.float32))[-1]
    assert silent.speech < 0.5
    assert silent.speech_s - spoken.speech_s < 0.3  # the end of the voice
    assert 1.5 < silent.age_s < SILENCE_S
    assert silent.speaker == "slt"


def test_after_long_silence_a_stream_equals_a_new_one(
    verifier: Verifier, voiceprints: list[Voiceprint], probe: np.ndarray
) -> None:
    stream = verifier.stream(voiceprints, silence_s=1.0)
    before = push(stream, np.concatenate([probe, np.zeros(3 * SAMPLE_RATE_HZ, np.float32)]))
    assert (before[-1].verdict, before[-1].speech_s) == (Verdict.NO_SPEECH, 0.0)
    assert before[-1].llr is None
    # From the next reset on, everything must equal a new stream.
    filler = np.zeros(1600, np.float32)
    while push(stream, filler)[-1].age_s % 1.0 != 0:
        pass
    buffer = stream.state.buffer  # the context and the received part of the next hop
    waiting = buffer.samples[1 : buffer._filled].copy()
    fresh = verifier.stream(voiceprints, silence_s=1.0)
    used = push(stream, probe)
    new = push(fresh, np.concatenate([waiting, probe]))
    for a, b in zip(used, new, strict=True):
        assert (a.speech, a.total_llr, a.llr, a.verdict) == (
            b.speech,
            b.total_llr,
            b.llr,
            b.verdict,
        )


def test_another_voice_restarts_the_evidence(
    verifier: Verifier, voiceprints: list[Voiceprint], probe: np.ndarray
) -> None:
    other = read_audio(CLIPS / "rms-probe.flac")
    stream = verifier.stream(voiceprints)
    push(stream, probe)
    updates = push(stream, other)
    assert any(update.has_changed for update in updates)
    assert updates[-1].speaker == "rms"


def test_evidence_after_a_change_is_of_the_new_voice(
    verifier: Verifier, voiceprints: list[Voiceprint], probe: np.ndarray
) -> None:
    stream = verifier.stream(voiceprints)
    before = push(stream, probe)[-1]
    updates = push(stream, read_audio(CLIPS / "rms-probe.flac"))
    change = next(index for index, update in enumerate(updates) if update.has_changed)
    noticed = updates[change]
    # Only the end of that speech is certainly from the new voice; it is scored with the next hop.
    assert 0 < noticed.speech_s <= KEPT_S < before.speech_s
    assert noticed.verdict is Verdict.INCONCLUSIVE
    assert noticed.llr is None
    assert updates[change + 1].llr is not None
    assert not any(update.speaker == "slt" for update in updates[change:])


@pytest.mark.parametrize("far", [0.1, 0.01, 0.001])
def test_the_bound_is_that_of_one_look_and_what_three_looks_are_worth(
    voiceprints: list[Voiceprint], probe: np.ndarray, far: float
) -> None:
    verifier = Verifier(far=far)
    stream = verifier.stream(voiceprints)
    rule = Request(far=far).rule(calibrated(verifier))
    update = push(stream, probe[:32000])[-1]
    nearness = calibrated(verifier).pair_nearness(
        np.stack([voiceprint.embedding for voiceprint in voiceprints]),
        stream.state.embeddings[SO_FAR],
    )
    for voiceprint, near, evidence, at in zip(
        voiceprints, nearness, stream._so_far, update.candidates, strict=True
    ):
        threshold = rule.threshold(
            enrolled_speech_s=voiceprint.total_speech_s,
            probe_speech_s=update.speech_s,
            nearness=near,
        )
        assert evidence is not None
        assert evidence.llr == at.total_llr
        assert evidence.accept_llr == pytest.approx(threshold + math.log(3))


def test_the_cohort_is_used_only_while_a_threshold_can_matter(
    verifier: Verifier,
    voiceprints: list[Voiceprint],
    probe: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    nearness = Cohort.nearness

    def counted(cohort: Cohort, embeddings: np.ndarray) -> np.ndarray:
        asked.append(len(embeddings))
        return nearness(cohort, embeddings)

    [slt] = [voiceprint for voiceprint in voiceprints if voiceprint.name == "slt"]
    alone, together = verifier.stream([slt]), verifier.stream(voiceprints)
    monkeypatch.setattr(Cohort, "nearness", counted)
    updates = push(alone, probe)
    undecided = [
        update for update in updates if update.llr is not None and update.verdict is not ACCEPT
    ]
    # Until the decision, and once for it. Then no window contradicts it, and none is needed.
    assert 0 < len(asked) <= len(undecided) + 1 < len(updates) / 2
    asked.clear()
    others = push(together, probe)
    assert len(asked) > len(undecided) + 1  # the others stay rejected by their thresholds
    assert [update.candidates[0] for update in updates] == [
        candidate for update in others for candidate in update.candidates if candidate.name == "slt"
    ]


def test_the_voiceprint_of_the_accepted_speaker_helps_to_notice_a_change(
    verifier: Verifier,
    voiceprints: list[Voiceprint],
    probe: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = verifier.stream(voiceprints, window_s=KEPT_S + 0.6)  # as long as the recent speech
    assert stream._accepted_llr() is None
    last = push(stream, probe[:48000])[-1]
    assert last.speaker == "slt"
    accepted_llr = stream._accepted_llr()
    # Less speech than hops, because not every hop is all speech.
    assert accepted_llr == pytest.approx(last.llr, rel=0.2)
    monkeypatch.setattr(stream, "_accepted_llr", lambda: -99.0)
    assert any(update.has_changed for update in push(stream, probe[48000:]))


def test_no_speech_at_all_is_never_a_number(
    verifier: Verifier, voiceprints: list[Voiceprint]
) -> None:
    for update in push(verifier.stream(voiceprints), np.zeros(48000, np.float32)):
        assert update.verdict is Verdict.NO_SPEECH
        assert (update.score, update.llr, update.speaker, update.margin) == (None, None, None, None)


@pytest.mark.parametrize("model", ["stateful-headless", "windowed"])
def test_a_model_without_speech_head_or_with_windows_streams_too(
    verifier: Verifier, edit_model: Callable[..., Path], model: str
) -> None:
    # The cohort consists of embeddings of the bundled model.
    calibration = asdict(replace(calibrated(verifier), cohort=None))
    other = Verifier(edit_model(MODELS / f"{model}.onnx", calibration=calibration))
    clip = CLIPS / "slt-enroll-1.flac"
    # Its weights are random: parts of one recording are not more similar than two voices.
    slt = other.enroll([clip], name="slt", accept=["second-voice"])
    stream = other.stream([slt])
    last = push(stream, read_audio(clip))[-1]
    assert last.speech_s > 1.0
    assert last.llr is not None


def test_nothing_grows_with_the_audio(
    verifier: Verifier, voiceprints: list[Voiceprint], probe: np.ndarray
) -> None:
    turns = np.concatenate(
        [probe[:24000], np.zeros(8000, np.float32), read_audio(CLIPS / "rms-probe.flac")[:24000]]
    )
    ours = tracemalloc.Filter(True, "*/speakersdk/*")  # and not what tests before have left running
    tracemalloc.start()
    try:
        stream = verifier.stream(voiceprints)
        in_use = []
        for _ in range(3):
            for _ in range(7):
                push(stream, turns)
            gc.collect()
            traces = tracemalloc.take_snapshot().filter_traces([ours]).statistics("filename")
            in_use.append(sum(trace.size for trace in traces))
    finally:
        tracemalloc.stop()
    # A float kept for each of the 245 hops would be 7.8 kB every time; a buffer fills up once.
    assert min(in_use[1] - in_use[0], in_use[2] - in_use[1]) < 4000


def test_a_voiceprint_that_expires_ends_the_stream(
    verifier: Verifier,
    voiceprints: list[Voiceprint],
    probe: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    *others, slt = voiceprints
    stream = verifier.stream([*others, replace(slt, expires_utc=expiry_after("1h"))])
    accepted = push(stream, probe)[-1]
    assert accepted.speaker == "slt"
    later = time.time() + 3601

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.fromtimestamp(later, tz)

    monkeypatch.setattr(time, "time", lambda: later)
    monkeypatch.setattr("speakersdk.voiceprint.voiceprint.datetime", Later)
    for _ in range(2):
        with pytest.raises(ExpiredVoiceprintError, match="'slt' expired"):
            push(stream, probe)
    # Voiceprints without expiry continue.
    assert push(verifier.stream(others), probe)


def test_mistakes_are_refused(
    verifier: Verifier, voiceprints: list[Voiceprint], probe: np.ndarray
) -> None:
    with pytest.raises(ConfigError, match="at least one voiceprint"):
        verifier.stream([])
    with pytest.raises(ModelError, match="calibrat"):
        Verifier(MODELS / "stateful.onnx").stream(voiceprints)
    stream = verifier.stream(voiceprints)
    assert stream.push(np.zeros(0, np.float32), sample_rate_hz=16000) == []
    assert stream.push(np.zeros((1, 2), np.int16), sample_rate_hz=16000) == []
    with pytest.raises(ConfigError, match="16000 Hz as before, got 8000 Hz"):
        stream.push(probe, sample_rate_hz=8000)
    with pytest.raises(InvalidAudioError, match="NaN"):
        stream.push(np.full(10, np.nan, np.float32), sample_rate_hz=16000)
    assert stream.duration_s == 1 / 16000
