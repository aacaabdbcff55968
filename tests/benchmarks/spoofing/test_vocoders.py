"""Vocoders keep the words and the voice, but not the waveform."""

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.spoofing import vocoders
from speakersdk.arrays import Waveform
from speakersdk.audio.waveform import read_audio
from tests.benchmarks.spoofing.test_detectors import CLIP

BANDS = 20


@pytest.fixture(scope="module")
def speech() -> Waveform:
    return read_audio(CLIP)[:32000]


def envelope(samples: Waveform) -> npt.NDArray[np.float64]:
    """Log power in bands up to 4 kHz, every 10 ms, for speech at full level."""
    frames = np.lib.stride_tricks.sliding_window_view(samples / samples.std(), 400)[::160]
    power = np.abs(np.fft.rfft(frames * np.hamming(400), 512)) ** 2
    return np.log(np.add.reduceat(power[:, :128], np.arange(BANDS) * 6, axis=1) + 1)


@pytest.mark.parametrize("name", ["Griffin-Lim", "LPC", "WORLD", "Codec 2"])
def test_a_copy_has_the_envelope_and_another_waveform(name: str, speech: Waveform) -> None:
    installed = vocoders.vocoders()
    if name not in installed:
        pytest.skip(f"{name} is not installed (pyworld, or codec2 of Debian)")
    copy = installed[name](speech, np.random.default_rng(1))
    assert copy.dtype == np.float32
    assert abs(len(copy) - len(speech)) <= 640
    assert np.isfinite(copy).all()
    length = min(len(copy), len(speech))
    theirs, ours = envelope(copy[:length]), envelope(speech[:length])
    # Codec 2 delays by up to 40 ms: the best of five shifts is used.
    alike = max(
        np.corrcoef(theirs[shift:].ravel(), ours[: len(ours) - shift].ravel())[0, 1]
        for shift in range(5)
    )
    assert alike > 0.8
    assert abs(np.corrcoef(copy[:length], speech[:length])[0, 1]) < 0.95


def test_copies_follow_the_seed(speech: Waveform) -> None:
    first, again, other = (vocoders.lpc(speech, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
