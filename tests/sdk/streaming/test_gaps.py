"""Audio that was lost before a block, and streams that have ended or are used twice at once."""

import math
import threading
from collections.abc import Callable

import numpy as np
import pytest

from speakersdk.audio.microphone import AudioBlock
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.decision.outcome import Verdict
from speakersdk.encoder.hop import HopEncoder
from speakersdk.errors import (
    ClosedError,
    ConcurrentUseError,
    ConfigError,
    InferenceError,
    InvalidAudioError,
)
from speakersdk.streaming.stream import SpeakerStream
from speakersdk.streaming.update import StreamUpdate
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.voiceprint import Voiceprint


def push(
    stream: SpeakerStream, samples: np.ndarray, *, rate_hz: float = 16000
) -> list[StreamUpdate]:
    updates = []
    for first in range(0, len(samples), 1600):
        updates += stream.push(samples[first : first + 1600], sample_rate_hz=rate_hz)
    return updates


def block_after(lost_s: float, samples: np.ndarray) -> AudioBlock:
    block = samples.copy().view(AudioBlock)
    block.lost_s = lost_s
    return block


@pytest.mark.parametrize("rate_hz", [16000, 48000])
@pytest.mark.parametrize("num_before", [24000, 24777])  # complete hops, and an incomplete one
def test_after_a_gap_a_stream_equals_a_new_one(
    verifier: Verifier,
    voiceprints: list[Voiceprint],
    probe: np.ndarray,
    rate_hz: int,
    num_before: int,
) -> None:
    import soxr

    samples = probe if rate_hz == SAMPLE_RATE_HZ else soxr.resample(probe, SAMPLE_RATE_HZ, rate_hz)
    num_before = num_before * rate_hz // SAMPLE_RATE_HZ
    stream = verifier.stream(voiceprints)
    before = push(stream, samples[:num_before], rate_hz=rate_hz)
    assert before[-1].total_llr is not None
    after = stream.push(block_after(2.5, samples), sample_rate_hz=rate_hz) + stream.finish()
    fresh = verifier.stream(voiceprints)
    expected = fresh.push(samples, sample_rate_hz=rate_hz) + fresh.finish()
    assert len(after) == len(expected)
    for a, b in zip(after, expected, strict=True):
        assert (a.speech, a.speech_s, a.total_llr, a.llr, a.verdict, a.has_changed) == (
            b.speech,
            b.speech_s,
            b.total_llr,
            b.llr,
            b.verdict,
            b.has_changed,
        )
        # The time continues where the lost audio ends; a sample may be lost with the filter.
        assert a.time_s == pytest.approx(b.time_s + num_before / rate_hz + 2.5, abs=1 / 16000)
    assert [update.lost_s for update in after] == [2.5] + [None] * (len(after) - 1)


def test_gaps_before_one_hop_add_up(
    verifier: Verifier, voiceprints: list[Voiceprint], probe: np.ndarray
) -> None:
    stream = verifier.stream(voiceprints)
    stream.gap(0.5)
    stream.push(probe[:100], sample_rate_hz=16000)
    stream.gap(0.0)
    assert push(stream, probe[:3200])[0].lost_s == 0.5
    stream.gap(0.0)  # of unknown length
    assert push(stream, probe[:3200])[0].lost_s == 0.0
    for wrong in (-1.0, math.nan, math.inf):
        with pytest.raises(ConfigError, match="gap of 0 s or more"):
            stream.gap(wrong)


def test_an_accepted_speaker_is_nobody_after_a_gap(
    verifier: Verifier, voiceprints: list[Voiceprint], probe: np.ndarray
) -> None:
    stream = verifier.stream(voiceprints)
    assert push(stream, probe)[-1].speaker == "slt"
    silence = np.zeros(1600, np.float32)
    (update,) = stream.push(block_after(1.0, np.tile(silence, 2)), sample_rate_hz=16000)[:1]
    assert (update.speaker, update.verdict, update.total_llr) == (None, Verdict.NO_SPEECH, None)


def test_a_chunk_that_is_refused_makes_no_gap(
    verifier: Verifier, voiceprints: list[Voiceprint], probe: np.ndarray
) -> None:
    stream = verifier.stream(voiceprints)
    before = push(stream, probe[:32000])[-1]
    with pytest.raises(InvalidAudioError, match="NaN"):
        stream.push(block_after(1.0, np.full(10, np.nan, np.float32)), sample_rate_hz=16000)
    after = push(stream, probe[32000:35200])
    assert after[0].lost_s is None
    assert after[0].time_s == pytest.approx(before.time_s + 0.1)


def test_a_finished_stream_says_so(
    verifier: Verifier, voiceprints: list[Voiceprint], probe: np.ndarray
) -> None:
    stream = verifier.stream(voiceprints)
    stream.push(probe, sample_rate_hz=16000)
    stream.finish()
    for use in (
        lambda: stream.push(probe, sample_rate_hz=16000),
        stream.finish,
        lambda: stream.gap(1.0),
        stream.__enter__,
    ):
        with pytest.raises(ClosedError, match="it is finished; start another"):
            use()
    stream.close()  # may always be called


def test_a_stream_is_closed_by_with(
    verifier: Verifier, voiceprints: list[Voiceprint], probe: np.ndarray
) -> None:
    with verifier.stream(voiceprints) as stream:
        stream.push(probe, sample_rate_hz=16000)
    with pytest.raises(ClosedError, match="it is closed"):
        stream.push(probe, sample_rate_hz=16000)
    with pytest.raises(ClosedError, match="it is closed"):
        stream.finish()


def test_threads_that_share_a_stream_get_answers_or_one_error(
    verifier: Verifier, voiceprints: list[Voiceprint], probe: np.ndarray
) -> None:
    stream = verifier.stream(voiceprints)
    entered, leave = threading.Event(), threading.Event()
    refused: list[Exception] = []
    encode = stream._encoder.encode

    def slow(states: object) -> None:  # the real encoder, delayed until the test allows it
        entered.set()
        assert leave.wait(30)
        encode(states)  # type: ignore[arg-type]

    stream._encoder.encode = slow  # type: ignore[method-assign]
    first = threading.Thread(
        target=stream.push, args=(probe[:1840],), kwargs={"sample_rate_hz": 16000}
    )
    first.start()
    assert entered.wait(30)
    for use in (lambda: stream.push(probe, sample_rate_hz=16000), stream.finish):
        try:
            use()
        except ConcurrentUseError as error:
            refused.append(error)
    leave.set()
    first.join()
    assert len(refused) == 2
    assert stream.duration_s == 1840 / 16000  # refused audio was not processed


def test_a_row_of_samples_is_refused_and_never_taken_for_one(
    verifier: Verifier, voiceprints: list[Voiceprint], probe: np.ndarray
) -> None:
    stream = verifier.stream(voiceprints)
    with pytest.raises(InvalidAudioError, match="if channels come first"):
        stream.push(probe[None, :], sample_rate_hz=16000)
    assert stream.duration_s == 0
    column = stream.push(probe[:, None], sample_rate_hz=16000)
    assert column == verifier.stream(voiceprints).push(probe, sample_rate_hz=16000)


def test_a_failure_of_the_model_makes_a_gap(
    verifier: Verifier,
    voiceprints: list[Voiceprint],
    probe: np.ndarray,
    fail_after: Callable[[HopEncoder, int], None],
) -> None:
    stream = verifier.stream(voiceprints)
    assert stream.push(probe, sample_rate_hz=16000)[-1].speaker == "slt"
    duration_s = stream.duration_s
    fail_after(stream._encoder, 2)
    with pytest.raises(InferenceError, match="CUDA failure"):
        stream.push(probe[:16000], sample_rate_hz=16000)
    after = stream.push(probe, sample_rate_hz=16000)
    fresh = verifier.stream(voiceprints).push(probe, sample_rate_hz=16000)
    assert [(at.speech_s, at.total_llr, at.verdict) for at in after] == [
        (at.speech_s, at.total_llr, at.verdict) for at in fresh
    ]
    assert after[0].time_s == pytest.approx(duration_s + 1.0 + fresh[0].time_s)
    # Three hops of the failed push were read, and the last one failed; 7 or 8 hops were not.
    assert 0.6 < (after[0].lost_s or 0.0) <= 0.8
    assert after[1].lost_s is None
