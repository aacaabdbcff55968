"""One person in each channel of a recording, and ordinary stereo, with real voices."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import soxr

from speakersdk.arrays import Waveform
from speakersdk.audio.channels import MIX, ChannelVoices
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import as_waveform, read_audio
from speakersdk.errors import ConfigError, InvalidAudioError
from speakersdk.verifier import Verifier

TWO_PEOPLE = "different speech in channels 1 and 2; choose one with --channel"


@pytest.fixture(scope="module")
def voices(demo_clips: Path) -> tuple[Waveform, Waveform]:
    """Two people, (n,) each, at the same level."""
    one, other = (
        np.concatenate([read_audio(path) for path in sorted(demo_clips.glob(f"{name}-*.flac"))])
        for name in ("slt", "rms")
    )
    length = min(len(one), len(other), 10 * SAMPLE_RATE_HZ)
    one, other = one[:length], other[:length]
    return one, (other * (one.std() / other.std())).astype(np.float32)


def turns(one: Waveform, other: Waveform, *, leak_db: float, delay: int) -> np.ndarray:
    """Two people in turn, each near one microphone and quieter in the other one."""
    first = (np.arange(len(one)) // (2 * SAMPLE_RATE_HZ)) % 2 == 0
    one, other = one * first, other * ~first
    leak = 10 ** (leak_db / 20)
    return np.stack(
        [one + leak * np.roll(other, delay), other + leak * np.roll(one, delay)], axis=1
    ).astype(np.float32)


def noise(num: int, dbfs: float) -> Waveform:
    rng = np.random.default_rng(3)
    return (10 ** (dbfs / 20) * rng.standard_normal(num)).astype(np.float32)


def melody(num: int) -> Waveform:
    """Plucked notes with pauses between them."""
    time = np.arange(num) / SAMPLE_RATE_HZ
    since, note = time % 0.4, (time / 0.4).astype(int) % 5
    pitch = 220 * 2 ** (np.array([0, 4, 7, 12, 9])[note] / 12)
    sound = sum(np.sin(2 * np.pi * pitch * k * since) / k for k in range(1, 6))
    return (0.1 * sound * np.exp(-8 * since)).astype(np.float32)


PEOPLE: dict[str, Callable[[Waveform, Waveform], np.ndarray]] = {
    "at once": lambda a, b: np.stack([a, b], axis=1),
    "at once, other level": lambda a, b: np.stack([a, 0.1 * b], axis=1),
    "at once, 4 s without a pause": lambda a, b: np.stack([a, b], axis=1)[: 4 * SAMPLE_RATE_HZ],
    "in turn": lambda a, b: turns(a, b, leak_db=-100, delay=0),
    "echo": lambda a, b: turns(a, b, leak_db=-25, delay=1600),
    "two lapel microphones": lambda a, b: turns(a, b, leak_db=-18, delay=96),
    "third channel silent": lambda a, b: np.stack([a, b, 0 * a], axis=1),
}
STEREO: dict[str, Callable[[Waveform], np.ndarray]] = {
    "equal": lambda a: np.stack([a, a], axis=1),
    "level": lambda a: np.stack([a, 0.05 * a], axis=1),
    "delay": lambda a: np.stack([a, 0.5 * np.roll(a, 240)], axis=1),
    "opposite phase": lambda a: np.stack([a, -0.7 * a], axis=1),
    "silent channel": lambda a: np.stack([0 * a, a], axis=1),
    "noise in one": lambda a: np.stack([a, noise(len(a), -30)], axis=1),
    "noise over one": lambda a: np.stack([a, a + noise(len(a), -30)], axis=1),
    "music in one": lambda a: np.stack([a, melody(len(a))], axis=1),
    "microphone that moves": lambda a: np.stack(
        [a * (1.3 + np.sin(np.arange(len(a)) / 16000)), a], axis=1
    ).astype(np.float32),
}


@pytest.mark.parametrize("case", PEOPLE)
@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100])
def test_two_people_in_two_channels_are_not_mixed_silently(
    voices: tuple[Waveform, Waveform], case: str, rate_hz: int
) -> None:
    samples = soxr.resample(PEOPLE[case](*voices), SAMPLE_RATE_HZ, rate_hz)
    with pytest.raises(InvalidAudioError, match=TWO_PEOPLE):
        as_waveform(samples, sample_rate_hz=rate_hz)
    file = io.BytesIO()
    sf.write(file, samples, rate_hz, format="FLAC")
    file.seek(0)
    with pytest.raises(InvalidAudioError, match=TWO_PEOPLE):
        read_audio(file)


@pytest.mark.parametrize("case", STEREO)
@pytest.mark.parametrize("voice", [0, 1])
def test_ordinary_stereo_is_mixed(voices: tuple[Waveform, Waveform], case: str, voice: int) -> None:
    samples = STEREO[case](voices[voice])
    expected = as_waveform(samples, sample_rate_hz=SAMPLE_RATE_HZ, channel=MIX)
    np.testing.assert_array_equal(as_waveform(samples, sample_rate_hz=SAMPLE_RATE_HZ), expected)


@pytest.mark.parametrize("num_samples", [100, 511, 512, 1023, 1024, 4000])
def test_too_little_to_compare_is_mixed(num_samples: int) -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, (num_samples, 2)).astype(np.float32)
    mixed = as_waveform(samples, sample_rate_hz=SAMPLE_RATE_HZ)
    np.testing.assert_allclose(mixed, samples.mean(axis=1), rtol=0, atol=1e-6)


def test_one_channel_is_read(voices: tuple[Waveform, Waveform]) -> None:
    samples = PEOPLE["at once"](*voices)
    for channel in (1, 2):
        np.testing.assert_array_equal(
            as_waveform(samples, sample_rate_hz=SAMPLE_RATE_HZ, channel=channel),
            voices[channel - 1],
        )
    mixed = as_waveform(samples, sample_rate_hz=SAMPLE_RATE_HZ, channel=MIX)
    np.testing.assert_allclose(mixed, samples.mean(axis=1), atol=1e-6)
    mono = as_waveform(voices[0], sample_rate_hz=SAMPLE_RATE_HZ, channel=1)
    np.testing.assert_array_equal(mono, voices[0])
    for of, found in ((samples, "2 channels"), (voices[0], "1 channel")):
        with pytest.raises(InvalidAudioError, match=f"channel 3, got {found}; choose another"):
            as_waveform(of, sample_rate_hz=SAMPLE_RATE_HZ, channel=3)


@pytest.mark.parametrize("channel", [0, -1, 1.0, True, "left", "1"])
def test_no_other_value_is_a_channel(channel: object) -> None:
    with pytest.raises(ConfigError, match=r"expected (a channel|channel to be)"):
        Verifier(channel=channel)  # type: ignore[arg-type, unused-ignore]
    with pytest.raises(ConfigError, match=r"expected (a channel|channel to be)"):
        as_waveform(np.zeros(999), sample_rate_hz=16000, channel=channel)  # type: ignore[arg-type, unused-ignore]


def test_two_people_are_found_in_a_long_recording(voices: tuple[Waveform, Waveform]) -> None:
    """Half an hour of one voice, then of two: evenly spaced parts of it are kept."""
    alone = STEREO["level"](voices[0])
    both = PEOPLE["in turn"](*voices)
    times = math.ceil(900 * SAMPLE_RATE_HZ / len(alone))
    listener = ChannelVoices(sample_rate_hz=SAMPLE_RATE_HZ, channel=None)
    for samples in [alone] * times + [both] * times:
        listener.push(samples)
    with pytest.raises(InvalidAudioError, match=TWO_PEOPLE):
        listener.check("call.wav")


def test_the_verifier_reads_the_chosen_channel(
    voices: tuple[Waveform, Waveform],
) -> None:
    samples = PEOPLE["at once"](*voices)
    caller, agent = Verifier(channel=1), Verifier(channel=2)
    voiceprint = caller.enroll([samples], name="caller", sample_rate_hz=SAMPLE_RATE_HZ)
    half = samples[len(samples) // 2 :]
    assert caller.score(voiceprint, half, sample_rate_hz=16000) > agent.score(
        voiceprint, half, sample_rate_hz=16000
    )
    with pytest.raises(InvalidAudioError, match=TWO_PEOPLE):
        Verifier().verify(voiceprint, half, sample_rate_hz=SAMPLE_RATE_HZ)
    both = PEOPLE["in turn"](*voices)
    speakers = Verifier().diarize(both, [voiceprint], sample_rate_hz=SAMPLE_RATE_HZ)
    assert {turn.who for turn in speakers.turns} >= {"caller"}
