"""The log-mel front end, compared with python_speech_features, which defines it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import python_speech_features
import torch

from speakersdk.audio.waveform import read_audio
from speakersdk.encoder.frontend import FrontendConfig
from speakersdk_training.models.frontend import LogMel
from speakersdk_training.models.mel_filters import mel_filters, papers_frontend

# The limit of export: a thousandth of a neper. float32 stays two digits below it on speech.
TOLERANCE = 1e-3


def reference(samples: npt.NDArray[Any], config: FrontendConfig) -> npt.NDArray[np.float64]:
    """(num_mels, k) in float64; python_speech_features adds a zero-padded frame, left out here."""
    rate = config.sample_rate_hz
    energy, _ = python_speech_features.fbank(
        samples.astype(np.float64),
        samplerate=rate,
        winlen=config.window_samples / rate,
        winstep=config.hop_samples / rate,
        nfilt=config.num_mels,
        nfft=config.fft_size,
        lowfreq=config.low_hz,
        highfreq=config.high_hz,
        preemph=config.preemphasis,
        winfunc=np.hamming,
    )
    return np.log(energy + config.log_floor)[: config.num_frames(len(samples))].T


def with_options(samples: npt.NDArray[Any], config: FrontendConfig) -> npt.NDArray[np.float64]:
    """(num_mels, k) in float64 of the options that python_speech_features' `fbank` lacks."""
    window = config.window_samples
    position = np.arange(window)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * position / window)
    emphasised = np.append(samples[0], samples[1:] - config.preemphasis * samples[:-1])
    starts = range(0, len(samples) - window + 1, config.hop_samples)
    frames = np.stack([emphasised[start : start + window] * hann for start in starts])
    power = np.abs(np.fft.rfft(frames, config.fft_size)) ** 2 / config.fft_size
    return np.log10(1 + config.compression_gain * (power @ mel_filters(config).T)).T


def log_mel(samples: npt.NDArray[Any], config: FrontendConfig) -> npt.NDArray[np.float32]:
    with_past = np.concatenate([[0.0], samples]).astype(np.float32)
    return LogMel(config)(torch.from_numpy(with_past)[None])[0].numpy()


def test_demo_clips_match_the_definition(demo_clips: Path) -> None:
    config = FrontendConfig()
    for path in sorted(demo_clips.glob("*-probe.flac")):
        samples = read_audio(path)
        np.testing.assert_allclose(
            log_mel(samples, config), reference(samples, config), rtol=0, atol=TOLERANCE
        )


@pytest.mark.speech
@pytest.mark.parametrize("corpus", ["speechocean762", "speech-commands", "librispeech"])
def test_real_speech_matches_the_definition(speech_data: Any, corpus: str) -> None:
    config = FrontendConfig()
    split = "demo" if corpus == "librispeech" else "dev"
    for utterance in speech_data.utterances(corpus=corpus, split=split)[:3]:
        samples = speech_data.samples(utterance)
        np.testing.assert_allclose(
            log_mel(samples, config), reference(samples, config), rtol=0, atol=TOLERANCE
        )


@pytest.mark.parametrize(
    "config",
    [
        FrontendConfig(num_mels=40, low_hz=0.0, high_hz=4000.0),
        FrontendConfig(window_samples=512, hop_samples=256, preemphasis=0.0, log_floor=1e-6),
        FrontendConfig(
            sample_rate_hz=8000, window_samples=200, hop_samples=80, fft_size=256, high_hz=4000.0
        ),
    ],
    ids=["band", "window", "rate"],
)
def test_every_option_matches_the_definition(
    config: FrontendConfig, rng: np.random.Generator
) -> None:
    samples = 0.1 * rng.standard_normal(config.sample_rate_hz // 2)
    np.testing.assert_allclose(
        log_mel(samples, config), reference(samples, config), rtol=0, atol=TOLERANCE
    )


def test_the_papers_front_end(demo_clips: Path) -> None:
    """log10(1 + 10,000 x) of librosa's x, whose spectrum is not divided by the DFT's length."""
    config = papers_frontend()
    assert config.compression_gain == 10_000 * config.fft_size
    for path in sorted(demo_clips.glob("*-probe.flac")):
        samples = read_audio(path)
        np.testing.assert_allclose(
            log_mel(samples, config), with_options(samples, config), rtol=0, atol=TOLERANCE
        )


@pytest.mark.speech
def test_the_papers_front_end_on_real_speech(speech_data: Any) -> None:
    config = papers_frontend()
    for utterance in speech_data.utterances(corpus="speechocean762", split="dev")[:3]:
        samples = speech_data.samples(utterance)
        np.testing.assert_allclose(
            log_mel(samples, config), with_options(samples, config), rtol=0, atol=TOLERANCE
        )


def test_the_papers_front_end_gives_the_values_of_librosa() -> None:
    """librosa 0.11: log10(1 + 1e4 melspectrogram(y, 16000, n_fft=1024, hop_length=160,
    n_mels=128, center=False))."""
    time_s = np.arange(16000) / 16000
    samples = 0.3 * np.sin(2 * np.pi * (100 + 1500 * time_s) * time_s)
    samples += 0.02 * np.sin(2 * np.pi * 3000 * time_s)
    got = log_mel(samples, papers_frontend())
    assert got.shape == (128, 94)
    for (band, frame), expected in {
        (7, 0): 6.0844, (10, 0): 5.10413, (46, 30): 6.03819, (49, 30): 4.02709, (70, 60): 5.93121,
        (73, 60): 3.13744, (79, 93): 6e-05, (82, 93): 0.00232, (87, 10): 3.56942,
    }.items():  # fmt: skip
        assert got[band, frame] == pytest.approx(expected, abs=TOLERANCE / 10)


def test_silence_of_the_papers_front_end_is_zero() -> None:
    assert not log_mel(np.zeros(2000), papers_frontend()).any()


@pytest.mark.parametrize("num_samples", [400, 401, 559, 560, 561, 719, 720, 1999, 2000, 16000])
def test_frame_count_is_that_of_the_configuration(num_samples: int) -> None:
    config = FrontendConfig()
    num_frames = log_mel(np.zeros(num_samples), config).shape[1]
    assert num_frames == 1 + (num_samples - 400) // 160 == config.num_frames(num_samples)


def test_digital_silence_is_the_floor() -> None:
    config = FrontendConfig()
    # The logarithm is rounded once: half a unit in the last place of 18.4.
    np.testing.assert_allclose(
        log_mel(np.zeros(2000), config), np.log(config.log_floor), rtol=2**-23
    )


def test_overlapping_blocks_give_the_frames_of_the_whole(rng: np.random.Generator) -> None:
    frontend = LogMel(config := FrontendConfig())
    samples = torch.from_numpy(0.1 * rng.standard_normal(1 + 400 + 19 * 160)).float()[None]
    whole = frontend(samples)
    ends = [0, 1, 4, 11, 20]
    blocks = [
        frontend(samples[:, first * 160 : last * 160 + config.context_samples])
        for first, last in pairwise(ends)
    ]
    # A product may sum in another order for another length; noise has no small energies.
    torch.testing.assert_close(torch.cat(blocks, dim=2), whole, rtol=0, atol=1e-5)


def test_half_precision_around_it_changes_nothing(rng: np.random.Generator) -> None:
    frontend = LogMel(FrontendConfig())
    samples = torch.from_numpy(0.1 * rng.standard_normal((1, 4000))).float()
    with torch.autocast("cpu", torch.bfloat16):
        inside = frontend(samples)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, frontend(samples))


def test_nothing_of_it_is_a_weight() -> None:
    """The configuration determines the front end. Therefore a checkpoint does not contain it."""
    frontend = LogMel(FrontendConfig())
    assert list(frontend.parameters()) == []
    assert frontend.state_dict() == {}


def test_an_offset_has_no_effect_without_dc() -> None:
    config = FrontendConfig(remove_dc=True)
    samples = np.random.default_rng(1).normal(0, 0.05, 8000)
    plain, moved = log_mel(samples, config), log_mel(samples + 0.1, config)
    # The sample before the first is not part of the recording and lacks the offset.
    np.testing.assert_allclose(plain[:, 1:], moved[:, 1:], rtol=0, atol=TOLERANCE)
    before = FrontendConfig()
    difference = log_mel(samples + 0.1, before) - log_mel(samples, before)
    assert np.abs(difference).max() > 0.1
