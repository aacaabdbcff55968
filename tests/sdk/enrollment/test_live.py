from collections.abc import Callable

import numpy as np
import pytest

from speakersdk.arrays import Waveform
from speakersdk.audio.levels import AudioProblem
from speakersdk.audio.microphone import AudioBlock
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER as CLIPS
from speakersdk.encoder.hop import HopEncoder
from speakersdk.encoder.statistics_ring import RECENT_S
from speakersdk.enrollment import live
from speakersdk.enrollment.live import Enrollment, EnrollmentProgress
from speakersdk.errors import (
    ClosedError,
    ConcurrentUseError,
    ConfigError,
    EnrollmentError,
    InferenceError,
)
from speakersdk.verifier import Verifier


def voice(name: str) -> Waveform:
    return np.concatenate([read_audio(path) for path in sorted(CLIPS.glob(f"{name}-enroll-*"))])


def push(enrollment: Enrollment, samples: Waveform) -> list[EnrollmentProgress]:
    return [
        enrollment.push(samples[first : first + 1600], sample_rate_hz=SAMPLE_RATE_HZ)
        for first in range(0, len(samples), 1600)
    ]


def test_speech_fills_the_meter_and_becomes_a_voiceprint(verifier: Verifier) -> None:
    enrollment = verifier.enrollment("slt", needed_s=4.0)
    progress = push(enrollment, voice("slt"))
    percents = [at.percent for at in progress]
    assert percents == sorted(percents)
    assert progress[-1].is_complete
    assert percents[-1] == 100
    voiceprint = enrollment.voiceprint()
    assert voiceprint.name == "slt"
    assert voiceprint.total_speech_s == pytest.approx(4.0, abs=0.2)
    assert len(voiceprint.exemplars) == 2  # 2.5 s and the remainder
    assert verifier.verify(voiceprint, CLIPS / "slt-probe.flac")
    assert not verifier.verify(voiceprint, CLIPS / "rms-probe.flac")


def test_silence_does_not_count(verifier: Verifier) -> None:
    enrollment = verifier.enrollment("slt", needed_s=2.0)
    assert push(enrollment, np.zeros(48000, np.float32))[-1].percent == 0
    with pytest.raises(EnrollmentError, match=r"expected 2 s of good speech .* got 0\.0 s"):
        enrollment.voiceprint()


@pytest.mark.parametrize(
    ("gain", "problem"), [(0.001, AudioProblem.TOO_QUIET), (30.0, AudioProblem.CLIPPED)]
)
def test_speech_that_is_not_usable_is_named_and_not_counted(
    verifier: Verifier, gain: float, problem: AudioProblem
) -> None:
    enrollment = verifier.enrollment("slt", needed_s=4.0)
    samples = np.clip(voice("slt") * gain, -1, 1).astype(np.float32)
    progress = push(enrollment, samples)
    assert problem in {at.problem for at in progress}
    assert not progress[-1].is_complete


def test_a_second_voice_is_named_and_not_counted(verifier: Verifier) -> None:
    enrollment = verifier.enrollment("slt", needed_s=20.0)
    own = push(enrollment, voice("slt"))[-1].speech_s
    progress = push(enrollment, voice("rms"))
    assert AudioProblem.SECOND_VOICE in {at.problem for at in progress}
    # The part that distinguishes the voices, before and after an exemplar was completed.
    assert progress[-1].speech_s <= own + 2 * RECENT_S


def test_names_and_lengths_are_checked(verifier: Verifier) -> None:
    with pytest.raises(ConfigError, match="name"):
        verifier.enrollment("../slt")
    with pytest.raises(ConfigError, match="1 to 600 s"):
        verifier.enrollment("slt", needed_s=0.0)


def test_an_exemplar_never_spans_a_gap(verifier: Verifier) -> None:
    enrollment = verifier.enrollment("slt", needed_s=20.0)
    samples = voice("slt")
    before = push(enrollment, samples)[-1]
    num_exemplars = len(enrollment._exemplars)
    assert before.speech_s > sum(enrollment._exemplar_speech_s)  # a part of the next one
    block = samples[:1600].view(AudioBlock)
    block.lost_s = 3.0
    after = enrollment.push(block, sample_rate_hz=SAMPLE_RATE_HZ)
    assert after.lost_s == 3.0
    assert after.speech_s <= sum(enrollment._exemplar_speech_s) + 0.1
    assert len(enrollment._exemplars) == num_exemplars
    enrollment.gap(1.0)
    assert enrollment.progress.lost_s == 4.0
    with pytest.raises(ConfigError, match="gap of 0 s or more"):
        enrollment.gap(-1.0)


def test_an_exemplar_never_spans_a_failure_of_the_model(
    verifier: Verifier, fail_after: Callable[[HopEncoder, int], None]
) -> None:
    enrollment = verifier.enrollment("slt", needed_s=20.0)
    samples = voice("slt")
    push(enrollment, samples)
    fail_after(enrollment._encoder, 2)
    with pytest.raises(InferenceError, match="CUDA failure"):
        enrollment.push(samples[:16000], sample_rate_hz=SAMPLE_RATE_HZ)
    after = enrollment.progress
    assert after.speech_s == sum(enrollment._exemplar_speech_s)
    # Three hops of the push were read, and the last one failed; 7 or 8 hops were not.
    assert 0.6 < after.lost_s <= 0.8


def test_an_enrollment_that_waits_takes_no_more_memory(
    verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    speech, pause = voice("slt"), np.zeros(15 * SAMPLE_RATE_HZ, np.float32)
    samples = np.concatenate([speech[:64000], pause, speech[64000:]])
    enrollments = [verifier.enrollment("slt", needed_s=5)]
    monkeypatch.setattr(live, "COMPARED_S", 2.0)
    enrollments.append(verifier.enrollment("slt", needed_s=5))
    for enrollment in enrollments:
        push(enrollment, samples)
    num_frames = [len(enrollment._track.powers) for enrollment in enrollments]
    assert num_frames[0] > 1900
    assert num_frames[1] <= 400  # 2 to 4 s
    everything, limited = (enrollment.voiceprint() for enrollment in enrollments)
    assert np.array_equal(limited.exemplars, everything.exemplars)
    assert np.array_equal(limited.speech_s, everything.speech_s)


def test_a_closed_enrollment_says_so(verifier: Verifier) -> None:
    with verifier.enrollment("slt") as enrollment:
        enrollment.push(voice("slt")[:16000], sample_rate_hz=SAMPLE_RATE_HZ)
        with enrollment._lifetime, pytest.raises(ConcurrentUseError):  # another thread pushes
            enrollment.push(voice("slt")[:16000], sample_rate_hz=SAMPLE_RATE_HZ)
    for use in (
        lambda: enrollment.push(voice("slt")[:16000], sample_rate_hz=SAMPLE_RATE_HZ),
        lambda: enrollment.gap(1.0),
        enrollment.voiceprint,
        enrollment.__enter__,
    ):
        with pytest.raises(ClosedError, match="open enrollment, it is closed"):
            use()
    enrollment.close()
