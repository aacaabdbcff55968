"""Warm-up: make the first calls of a model ahead of time and measure them.

TensorRT builds an engine once, which takes a minute or more, and keeps it. CUDA chooses its plans
in the first call of each process. The CPU needs almost no warm-up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from speakersdk.arrays import Waveform
from speakersdk.encoder.hop import HopEncoder, hop_sizes
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.encoder.load import hop_encoder, load_encoder
from speakersdk.errors import ConfigError
from speakersdk.runtime.options import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    """Durations of the first and second calls of a model, in seconds.

    Attributes:
        device: the device that runs the model, and why preferred devices do not.
        engine_cache: state of the TensorRT engine for recordings.
        load_s: time to load the model.
        first_recording_s, next_recording_s: time to encode one window of audio.
        first_hop_s, next_hop_s: time to encode one hop of every stream.
        hop_s: duration of a hop. Live streams require a shorter `next_hop_s`.
    """

    device: str
    engine_cache: str
    load_s: float
    first_recording_s: float
    next_recording_s: float
    first_hop_s: float
    next_hop_s: float
    hop_s: float


def warm_up(
    model: str | os.PathLike[str],
    *,
    device: str = "cpu",
    strict: bool | None = None,
    precision: Precision = "fp32",
    num_threads: int = 1,
    num_streams: int = 1,
) -> WarmUp:
    """Load a model and make its first calls.

    Args:
        model: the model file.
        device, strict, precision, num_threads: see `speakersdk.runtime.options.SessionOptions`.
        num_streams: capacity of the stream pool; 1 means a single stream.

    Raises:
        ConfigError, MissingDependencyError, ModelError: see `speakersdk.encoder.load.load_encoder`.
    """
    if num_streams < 1:
        raise ConfigError(f"expected num_streams >= 1, got {num_streams}")
    started_s = time.perf_counter()
    encoder = load_encoder(
        model, device=device, strict=strict, precision=precision, num_threads=num_threads
    )
    load_s = time.perf_counter() - started_s
    manifest = encoder.manifest
    noise = _noise(round(manifest.window_s * manifest.frontend.sample_rate_hz))
    first_recording_s, next_recording_s = _twice(lambda: encoder.encode(noise))
    first_hop_s, next_hop_s = _twice(_hop_of_every_stream(encoder, num_streams))
    return WarmUp(
        device=encoder.session.choice,
        engine_cache=encoder.session.engine_cache,
        load_s=load_s,
        first_recording_s=first_recording_s,
        next_recording_s=next_recording_s,
        first_hop_s=first_hop_s,
        next_hop_s=next_hop_s,
        hop_s=manifest.hop_s,
    )


def _hop_of_every_stream(encoder: SpeakerEncoder, num_streams: int) -> Callable[[], None]:
    """Return a function that encodes one hop of every stream; its first call makes the session."""

    @cache
    def session() -> HopEncoder:
        return hop_encoder(encoder, hop_sizes(encoder.manifest), capacity=num_streams)

    def encode() -> None:
        states = [session().start() for _ in range(num_streams)]
        for state in states:
            state.buffer.fill(_noise(len(state.buffer.samples)))
        session().encode(states)

    return encode


def _twice(call: Callable[[], object]) -> tuple[float, float]:
    """Measure the durations of the first and the second call in seconds."""
    seconds = []
    for _ in range(2):
        started_s = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started_s)
    return seconds[0], seconds[1]


def _noise(num_samples: int) -> Waveform:
    """Return (num_samples,) float32 of quiet noise, the same for every call."""
    samples = np.random.default_rng(0).normal(0.0, 0.01, num_samples)
    return samples.astype(np.float32)
