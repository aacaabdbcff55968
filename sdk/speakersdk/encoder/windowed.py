"""Encoder of windowed models: one window of samples in, its embedding out.

A recording is covered by windows that overlap by half; its embedding is their mean, at length T.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embedding, Waveform
from speakersdk.audio.voice_activity import VoiceActivityDetector
from speakersdk.encoder.interface import Encoding, check_duration, check_waveform
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.runtime.session import OnnxSession


def window_shapes(manifest: ModelManifest) -> dict[str, tuple[int, ...]]:
    """Shapes of the call that encodes one window, for sessions of fixed shapes.

    A shorter recording cannot be filled up without changing what the graph makes of it: it has
    another shape, and such a session runs that on the CPU.
    """
    return {"samples": (1, round(manifest.window_s * manifest.frontend.sample_rate_hz))}


class WindowedEncoder:
    """See `speakersdk.encoder.load.SpeakerEncoder`."""

    def __init__(self, session: OnnxSession, manifest: ModelManifest) -> None:
        self.session = session
        self.manifest = manifest

    def encode(self, samples: Waveform) -> Encoding:
        """Encode a whole recording."""
        stream = self.stream()
        stream.push(samples)
        return stream.finish()

    def stream(self) -> WindowedStream:
        """A new stream that has heard nothing."""
        return WindowedStream(self.session, self.manifest)


class WindowedStream:
    """See `speakersdk.encoder.load.EncoderStream`; keeps one window of samples."""

    def __init__(self, session: OnnxSession, manifest: ModelManifest) -> None:
        self._session = session
        self._manifest = manifest
        self._rate_hz = manifest.frontend.sample_rate_hz
        self._window_samples = round(manifest.window_s * self._rate_hz)
        self._step_samples = self._window_samples // 2
        self._activity = VoiceActivityDetector(sample_rate_hz=self._rate_hz)
        self._latest: Waveform = np.zeros(0, np.float32)  # at most the last window
        self._until_window = self._window_samples  # samples missing to the next complete window
        self._num_samples = 0
        self._sum: npt.NDArray[np.float64] = np.zeros(manifest.embedding_dim)
        self._finished = False

    @property
    def duration_s(self) -> float:
        """Seconds pushed so far."""
        return self._num_samples / self._rate_hz

    @property
    def speech_s(self) -> float:
        """Seconds of speech so far."""
        return self._activity.speech_s

    def push(self, samples: Waveform) -> None:
        """Take the next samples and encode every window they complete."""
        self._check_open()
        samples = check_waveform(samples)
        self._activity.push(samples)
        self._num_samples += len(samples)
        while len(samples) >= self._until_window:
            self._keep(samples[: self._until_window])
            samples = samples[self._until_window :]
            self._sum += self._embed(self._latest)
            self._until_window = self._step_samples
        self._keep(samples)
        self._until_window -= len(samples)

    def embedding(self) -> Embedding:
        """(D,) float32 embedding of everything so far, the incomplete window included."""
        check_duration(self._manifest, self.duration_s)
        total = self._sum
        if self._until_window < self._step_samples or self._num_samples < self._window_samples:
            total = total + self._embed(self._latest)
        length = self._manifest.temperature / np.linalg.norm(total)
        scaled: Embedding = (total * length).astype(np.float32)
        return scaled

    def finish(self) -> Encoding:
        """Close the stream and return its encoding."""
        self._check_open()
        self._finished = True
        return Encoding(self.embedding(), self.speech_s, self.duration_s)

    def _check_open(self) -> None:
        if self._finished:
            raise ValueError("the stream is finished; start another with stream()")

    def _keep(self, samples: Waveform) -> None:
        joined = np.concatenate([self._latest, samples[-self._window_samples :]])
        self._latest = joined[-self._window_samples :].copy()

    def _embed(self, window: Waveform) -> Embedding:
        embedding: Embedding = self._session.run_any_shape({"samples": window[np.newaxis]})[
            "embedding"
        ][0]
        return embedding
