"""Quality of recordings: bundled voices with known defects, and one real reader."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soxr

from speakersdk.arrays import Waveform
from speakersdk.audio.levels import AudioProblem
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.decision.one_voice import SECOND_VOICE_LLR
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.encoder.load import load_encoder
from speakersdk.enrollment.measure import (
    LevelMeter,
    RecordingQuality,
    measure_recording,
    not_measured,
)

if TYPE_CHECKING:
    from conftest import SpeechData


@pytest.fixture(scope="module")
def encoder(default_model: Any) -> SpeakerEncoder:
    return load_encoder(default_model)


def whole(voice: Any) -> Waveform:
    """All clips of a voice, with pauses between them, because clips begin and end with one."""
    pause = np.zeros(SAMPLE_RATE_HZ // 2, np.float32)
    clips = [read_audio(path) for path in (*voice.enroll, voice.probe)]
    return np.concatenate([part for clip in clips for part in (clip, pause)])


def hiss(samples: Waveform, snr_db: float) -> Waveform:
    rng = np.random.default_rng(7)
    noise = rng.normal(0, np.sqrt(np.mean(samples**2)) * 10 ** (-snr_db / 20), len(samples))
    return samples + noise.astype(np.float32)


def narrow(samples: Waveform) -> Waveform:
    return soxr.resample(soxr.resample(samples, 16000, 8000), 8000, 16000)


SPOILED: dict[str, tuple[Callable[[Waveform], Waveform], tuple[AudioProblem, ...]]] = {
    "clean": (lambda samples: samples, ()),
    "a little hiss": (lambda samples: hiss(samples, 25), ()),
    "hiss": (lambda samples: hiss(samples, 3), (AudioProblem.NOISY,)),
    "clipped": (lambda samples: np.clip(30 * samples, -1, 1), (AudioProblem.CLIPPED,)),
    "clipped, then turned down": (
        lambda samples: np.clip(30 * samples, -1, 1) / 4,
        (AudioProblem.CLIPPED,),
    ),
    "8 kHz": (narrow, (AudioProblem.NARROW_BAND,)),
    "quiet": (lambda samples: samples / 80, (AudioProblem.TOO_QUIET,)),
    "quiet and 8 kHz": (
        lambda samples: narrow(samples / 100),
        (AudioProblem.TOO_QUIET, AudioProblem.NARROW_BAND),
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_each_problem_is_found_and_no_other(
    encoder: SpeakerEncoder, voices: dict[str, Any], name: str
) -> None:
    spoil, expected = SPOILED[name]
    samples = spoil(whole(voices["slt"])).astype(np.float32)
    _, quality = measure_recording(encoder, samples, label=name)
    assert quality.problems == expected
    assert quality.is_usable == (not expected)
    for problem in expected:
        assert "expected" in quality.finding(problem)
        assert quality.finding(problem).endswith(problem.split(": ", 1)[1])


@pytest.mark.parametrize("order", ["one after the other", "in turns"])
def test_a_second_voice_is_found(
    encoder: SpeakerEncoder, voices: dict[str, Any], order: str
) -> None:
    samples, other = whole(voices["slt"]), whole(voices["rms"])
    if order == "in turns":
        half, other_half = len(samples) // 2, len(other) // 2
        parts = [samples[:half], other[:other_half], samples[half:], other[other_half:]]
    else:
        parts = [samples, other]
    _, quality = measure_recording(encoder, np.concatenate(parts), label="two")
    assert AudioProblem.SECOND_VOICE in quality.problems
    expected = f"between two parts of it, expected above {SECOND_VOICE_LLR:g}"
    assert expected in quality.finding(AudioProblem.SECOND_VOICE)


def test_silence_and_noise_have_no_speech_to_measure(encoder: SpeakerEncoder) -> None:
    silence = np.zeros(48000, np.float32)
    for quality in (
        measure_recording(encoder, silence, label="silence")[1],
        not_measured(label="nothing", duration_s=0.0, shortage="too short"),
    ):
        assert (quality.speech_s, quality.one_voice_llr) == (0.0, None)
        levels = quality.levels
        assert levels.speech_dbfs is levels.snr_db is levels.clipped_share is None
        assert quality.problems == ()


def test_the_loudest_hop_may_be_at_full_scale(encoder: SpeakerEncoder) -> None:
    meter = LevelMeter(encoder.manifest)
    num_samples, num_frames = encoder.manifest.hop_samples, encoder.manifest.hop_frames
    square = np.tile(np.float32([1, -1]), num_samples // 2)  # a mean square of 1, which is 0 dBFS
    for gain in (1, 0.5):
        meter(np.float32(gain) * square, np.zeros(num_frames, np.bool_))
    assert meter.loudest_dbfs == 0


def test_advice_on_too_little_speech_follows_the_level(
    encoder: SpeakerEncoder, voices: dict[str, Any]
) -> None:
    # So quiet that no speech is found in it: a longer recording would not help.
    samples = whole(voices["slt"])
    for gain, advice in ((1e-4, "raise the input level"), (1.0, "record longer")):
        _, quality = measure_recording(encoder, samples * np.float32(gain), label="")
        short = dataclasses.replace(quality, shortage="no speech found in 9 s of audio")
        assert short.shortage_finding.startswith("no speech found")
        assert short.shortage_finding.endswith(advice)
    assert quality.shortage_finding == ""
    silent = dataclasses.replace(short, speech_s=0.0)
    assert silent.shortage_finding.endswith("; check that somebody speaks in it")


def test_json_holds_every_figure(encoder: SpeakerEncoder, voices: dict[str, Any]) -> None:
    _, quality = measure_recording(encoder, narrow(whole(voices["slt"])), label="a.wav")
    document = json.loads(json.dumps(quality.to_json(), allow_nan=False))
    assert document["recording"] == "a.wav"
    assert document["problems"] == ["narrow-band"]
    assert document["is_usable"] is False
    assert document["speech_s"] == pytest.approx(quality.speech_s)


@pytest.mark.speech
def test_real_readers_are_clean_and_two_of_them_are_two(
    encoder: SpeakerEncoder, speech_data: SpeechData
) -> None:
    def reading(speaker: str) -> Waveform:
        listed = speech_data.utterances(split="demo", speaker=speaker, minimum_s=8.0)
        return speech_data.samples(listed[0])[: 8 * SAMPLE_RATE_HZ]

    one, other = reading("librispeech/19"), reading("librispeech/26")

    def measured(samples: Waveform) -> RecordingQuality:
        return measure_recording(encoder, samples, label="")[1]

    assert measured(one).is_usable
    assert measured(other).is_usable
    assert measured(np.concatenate([one, other])).problems == (AudioProblem.SECOND_VOICE,)


TIMES_S = np.arange(6 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
TONES = {
    "sawtooth at 120 Hz": 0.03 * (2 * ((120 * TIMES_S) % 1) - 1),
    "sawtooth at 300 Hz": 0.05 * (2 * ((300 * TIMES_S) % 1) - 1),
    "dial tone": 0.1 * (np.sin(2 * np.pi * 350 * TIMES_S) + np.sin(2 * np.pi * 440 * TIMES_S)),
    "mains hum": sum(0.1 / k * np.sin(2 * np.pi * 50 * k * TIMES_S) for k in (1, 2, 3, 4, 6)),
}


@pytest.mark.parametrize("name", TONES)
@pytest.mark.parametrize("noise_db", [-120, -60])
def test_a_tone_is_not_speech_whatever_the_model_says(
    encoder: SpeakerEncoder, name: str, noise_db: float
) -> None:
    meter = LevelMeter(encoder.manifest)
    noise = np.random.default_rng(1).normal(0, 10 ** (noise_db / 20), len(TIMES_S))
    meter((TONES[name] + noise).astype(np.float32), np.ones(600, np.bool_))
    assert AudioProblem.STEADY in meter.levels.problems()


def test_speech_varies(encoder: SpeakerEncoder, voices: dict[str, Any]) -> None:
    for voice in voices.values():
        _, quality = measure_recording(encoder, whole(voice), label="")
        assert quality.levels.variation_db is not None
        assert quality.levels.variation_db > 2.0
        assert AudioProblem.STEADY not in quality.problems


def test_a_tone_is_not_enrolled(encoder: SpeakerEncoder) -> None:
    tone = (2 * ((120 * TIMES_S) % 1) - 1).astype(np.float32) * np.float32(0.03)
    _, quality = measure_recording(encoder, tone, label="tone")
    assert not quality.is_usable
