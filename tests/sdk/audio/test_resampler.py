"""Streams in chunks of any length give the same samples, to the last bit, as one pass."""

from __future__ import annotations

import numpy as np
import pytest

from speakersdk.audio.resampler import StreamResampler
from speakersdk.audio.waveform import as_waveform
from speakersdk.errors import ConfigError, InvalidAudioError


def streamed(samples: np.ndarray, rate_hz: float, chunk: int) -> np.ndarray:
    resampler = StreamResampler()
    pieces = [
        resampler.push(samples[first : first + chunk], sample_rate_hz=rate_hz)
        for first in range(0, len(samples), chunk)
    ]
    return np.concatenate([*pieces, resampler.finish()])


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 44100, 48000, 96000.5])
@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("chunk", [7, 160, 4801])
def test_a_stream_equals_the_whole(
    rate_hz: float, channels: int, chunk: int, rng: np.random.Generator
) -> None:
    samples = rng.normal(0, 0.1, size=(3 * chunk + 9000, channels)).astype(np.float32)
    samples[:4000, -1] = -samples[:4000, 0]  # out of phase for a while, if there are two
    whole = as_waveform(samples, sample_rate_hz=rate_hz)
    np.testing.assert_array_equal(streamed(samples, rate_hz, chunk), whole)


def test_single_samples_equal_the_whole(rng: np.random.Generator) -> None:
    samples = rng.integers(-30000, 30000, size=(3000, 2)).astype(np.int16)
    whole = as_waveform(samples, sample_rate_hz=48000)
    np.testing.assert_array_equal(streamed(samples, 48000, 1), whole)


def test_a_tone_above_8_khz_does_not_fold_back_in_a_stream() -> None:
    tone = np.sin(2 * np.pi * 12000 * np.arange(48000) / 48000).astype(np.float32)
    resampler = StreamResampler()
    chunks = [resampler.push(part, sample_rate_hz=48000) for part in np.split(tone, 100)]
    inner = np.concatenate(chunks)[1000:-1000]  # away from the ends, where any filter rings
    assert np.abs(inner).max() < 1e-4  # -80 dB


def test_a_stream_keeps_its_rate_and_takes_empty_chunks() -> None:
    resampler = StreamResampler()
    assert resampler.finish().size == 0
    assert resampler.push(np.zeros(0, np.int16), sample_rate_hz=16000).size == 0
    first = resampler.push(np.zeros((1, 4), np.int16), sample_rate_hz=16000)
    with pytest.raises(ConfigError, match="as before"):
        resampler.push(np.zeros(10, np.int16), sample_rate_hz=8000)
    with pytest.raises(InvalidAudioError):
        resampler.push(np.zeros((2, 2, 2), np.float32), sample_rate_hz=16000)
    with pytest.raises(InvalidAudioError, match="chunks of 4 channels as before, got 1"):
        resampler.push(np.zeros(10, np.int16), sample_rate_hz=16000)
    assert len(first) + len(resampler.finish()) == 1


@pytest.mark.parametrize("shape", [(1, 1600), (2, 1600), (1, 9)])
def test_channels_first_is_refused(shape: tuple[int, int]) -> None:
    # 0.1 s each; as one sample of 1600 channels it would be lost silently.
    with pytest.raises(InvalidAudioError, match=r"samples\.T"):
        StreamResampler().push(np.zeros(shape, np.float32), sample_rate_hz=16000)


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_bytes_are_refused_in_a_stream(make: type) -> None:
    with pytest.raises(InvalidAudioError, match=r"np\.frombuffer\(data, np\.int16\)"):
        StreamResampler().push(make(b"\0" * 320), sample_rate_hz=16000)


def test_16_bit_values_in_32_bits_are_refused_once_they_arrive(
    rng: np.random.Generator,
) -> None:
    speech = rng.integers(-9000, 9000, 1600).astype(np.int32)
    resampler = StreamResampler()
    resampler.push(speech // 100, sample_rate_hz=16000)  # could be the noise of a converter
    with pytest.raises(InvalidAudioError, match="16-bit values"):
        resampler.push(speech, sample_rate_hz=16000)
    loud_first = StreamResampler()
    loud_first.push(speech << 16, sample_rate_hz=16000)
    loud_first.push(speech, sample_rate_hz=16000)  # now the quiet part of a loud stream
