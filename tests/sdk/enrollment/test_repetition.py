"""Repeated speech, in recordings and live."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.spectral_track import band_powers
from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER
from speakersdk.enrollment.live import REPEATED, Enrollment
from speakersdk.enrollment.repetition import repeated_share, repetitions
from speakersdk.errors import EnrollmentError
from speakersdk.verifier import Verifier


def powers(samples: Waveform) -> Any:
    return band_powers([samples])


@pytest.fixture(scope="module")
def clips() -> list[Waveform]:
    return [read_audio(path) for path in sorted(FOLDER.glob("slt-*"))]


def silence(seconds: float) -> Waveform:
    return np.zeros(round(seconds * SAMPLE_RATE_HZ), np.float32)


def telephone(samples: Waveform) -> Waveform:
    import soxr

    narrow = soxr.resample(samples, SAMPLE_RATE_HZ, 8000)
    wide: Waveform = soxr.resample(narrow, 8000, SAMPLE_RATE_HZ).astype(np.float32)
    return wide


def noisy(samples: Waveform, snr_db: float) -> Waveform:
    noise = np.random.default_rng(0).standard_normal(len(samples))
    level = np.sqrt(np.mean(samples**2)) * 10 ** (-snr_db / 20)
    return (samples + level * noise).astype(np.float32)


COPIES: dict[str, Callable[[Waveform], Waveform]] = {
    "the same": lambda samples: samples,
    "half level, 10 ms in front": lambda samples: np.concatenate([silence(0.01), samples / 2]),
    "another start": lambda samples: samples[333:],
    "silence around": lambda samples: np.concatenate([silence(2.0), samples, silence(1.0)]),
    "upside down": lambda samples: -samples,
    "16 bits": lambda samples: np.round(samples * 32767).astype(np.float32) / 32767,
    "telephone": telephone,
    "noise, 20 dB": lambda samples: noisy(samples, 20),
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES.keys())
def test_a_copy_is_found_whatever_was_done_to_it(
    clips: list[Waveform], copy: Callable[[Waveform], Waveform]
) -> None:
    none, again = repetitions([powers(clips[0]), powers(copy(clips[0]))])
    assert (none.share, none.source) == (0.0, None)
    assert again.share > 0.75
    assert again.source == 0


def test_other_recordings_repeat_nothing(clips: list[Waveform]) -> None:
    assert [at.share for at in repetitions([powers(clip) for clip in clips])] == [0.0] * len(clips)


@pytest.mark.parametrize("period_s", [0.7, 1.0, 2.5, 4.0])
def test_a_loop_repeats_itself(clips: list[Waveform], period_s: float) -> None:
    period = clips[0][8000 : 8000 + round(period_s * SAMPLE_RATE_HZ)]
    (found,) = repetitions([powers(np.tile(period, 6))])
    # All except the first turn, and pieces of 1.5 s that it is part of.
    assert 1 - (period_s + 1.5) / (6 * period_s) - 0.1 < found.share < 1.0
    assert found.source == 0


def test_part_of_a_recording_may_be_new(clips: list[Waveform]) -> None:
    half = clips[1][: len(clips[0])]
    _, found = repetitions([powers(clips[0]), powers(np.concatenate([clips[0], half]))])
    assert 0.25 < found.share < 0.75


def test_the_source_is_the_recording_that_has_it(clips: list[Waveform]) -> None:
    found = repetitions([powers(clip) for clip in [*clips, clips[1] / 2]])
    assert found[-1].source == 1


@pytest.mark.parametrize("samples", [silence(0.0), silence(0.5), silence(5.0)])
def test_silence_repeats_nothing(samples: Waveform) -> None:
    assert [at.share for at in repetitions([powers(samples)] * 2)] == [0.0, 0.0]
    assert repeated_share(powers(samples), first_frame=0) == 0.0


def test_a_long_recording_is_judged_in_bounded_time(clips: list[Waveform]) -> None:
    long = np.concatenate(clips * 6)
    (found,) = repetitions([powers(long)])
    assert found.share == pytest.approx(5 / 6, abs=0.1)


def test_near_copies_are_refused_and_named(
    verifier: Verifier, clips: list[Waveform], tmp_path: Path
) -> None:
    original, copy = tmp_path / "a.wav", tmp_path / "b.wav"
    sf.write(original, clips[0], SAMPLE_RATE_HZ)
    sf.write(copy, COPIES["half level, 10 ms in front"](clips[0]), SAMPLE_RATE_HZ)
    pattern = (
        r"recording 2 \(.*b\.wav\): expected different recordings, .* recording 1 \(.*a\.wav\)"
    )
    with pytest.raises(EnrollmentError, match=pattern) as caught:
        verifier.enroll([original, copy], name="slt")
    assert caught.value.problems == ()  # nothing that can be accepted
    first, second = verifier.quality([original, copy])
    assert first.is_usable
    assert not second.is_usable
    assert second.to_json()["repeated_share"] == 1.0
    assert "a.wav" in second.to_json()["repetition"]


@pytest.mark.parametrize("copy", ["the same", "half level, 10 ms in front", "another start"])
def test_the_same_talk_is_appended_once(
    verifier: Verifier, clips: list[Waveform], copy: str
) -> None:
    enrolled = verifier.enroll(clips[:1], name="slt", sample_rate_hz=SAMPLE_RATE_HZ)
    again = COPIES[copy](clips[0])
    with pytest.raises(EnrollmentError, match="it is already enrolled"):
        verifier.enroll([again], name="slt", append_to=enrolled, sample_rate_hz=SAMPLE_RATE_HZ)
    more = verifier.enroll(
        clips[1:2], name="slt", append_to=enrolled, sample_rate_hz=SAMPLE_RATE_HZ
    )
    assert len(more.exemplars) == 2


def test_a_loop_counts_once(verifier: Verifier, clips: list[Waveform]) -> None:
    period = clips[0][8000 : 8000 + 40000]
    looped = verifier.enroll([np.tile(period, 6)], name="slt", sample_rate_hz=SAMPLE_RATE_HZ)
    assert looped.total_speech_s < 2.5 + 1.5  # a turn, and pieces that it is part of


def push(enrollment: Enrollment, samples: Waveform) -> list[Any]:
    return [
        enrollment.push(samples[first : first + 1600], sample_rate_hz=SAMPLE_RATE_HZ)
        for first in range(0, len(samples), 1600)
    ]


@pytest.mark.parametrize("period_s", [1.0, 2.5, 3.3])
def test_a_live_loop_makes_no_progress(
    verifier: Verifier, clips: list[Waveform], period_s: float
) -> None:
    period = clips[0][8000 : 8000 + round(period_s * SAMPLE_RATE_HZ)]
    enrollment = verifier.enrollment("slt", needed_s=10.0)
    progress = push(enrollment, np.tile(period, round(20 / period_s)))
    assert not progress[-1].is_complete
    assert REPEATED in {at.problem for at in progress}
    assert sum(enrollment._exemplar_speech_s) < 2 * 3.3  # about at most two exemplars of 2.5 s
    # What is new counts again.
    assert push(enrollment, np.concatenate(clips[1:]))[-1].speech_s > progress[-1].speech_s
