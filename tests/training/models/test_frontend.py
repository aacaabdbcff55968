"""The log-mel front end against python_speech_features, which defines it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import python_speech_features
import torch

from speakersdk.audio import read_audio
from speakersdk.frontend import FrontendConfig
from speakersdk_training.models import LogMel

# The gate of export: a thousandth of a neper. float32 stays two digits below it on speech.
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
    """The front end follows from its configuration, so a checkpoint does not hold it."""
    frontend = LogMel(FrontendConfig())
    assert list(frontend.parameters()) == []
    assert frontend.state_dict() == {}
