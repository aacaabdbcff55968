"""The encoders of windowed models, which embed one window of speech.

samples -> frames with speech -> their samples, joined -> windows -> mean, scaled to length T

Audio without speech is cut out. Windows that overlap by half cover the speech, and the last one
ends with it. A recording is encoded like a stream that ends. If the manifest has `utterance_s`, the
windows of recordings are long enough to embed most recordings whole. Shorter windows without
overlap then show whether the recording has one voice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embedding, Waveform, scaled
from speakersdk.encoder.graph import EMBEDDING, SAMPLES, Shapes
from speakersdk.encoder.hop import HopSizes, HopState
from speakersdk.encoder.interface import (
    EncoderStream,
    Encoding,
    FrameListener,
    check_duration,
    detector,
)
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.encoder.pieces import PieceCollector, Pieces
from speakersdk.encoder.statistics_ring import RECENT, SO_FAR, WINDOW
from speakersdk.errors import AudioTooShortError
from speakersdk.runtime.session import OnnxSession


def window_shapes(manifest: ModelManifest) -> Shapes:
    """Return the shapes of the call that encodes one window, for sessions of fixed shapes.

    Padding would change the result. A shorter recording therefore has another shape, and such a
    session runs it on the CPU.
    """
    return {SAMPLES: (1, round(manifest.window_s * manifest.frontend.sample_rate_hz))}


class SpeechWindows:
    """The windows of net speech, and the sum of their embeddings.

    Args:
        session, manifest: session and manifest of a windowed model.
        window_samples: length of a window.
        overlap: whether windows overlap by half.
    """

    def __init__(
        self,
        session: OnnxSession,
        manifest: ModelManifest,
        window_samples: int,
        *,
        overlap: bool = True,
    ) -> None:
        self._session = session
        self._manifest = manifest
        self._window_samples = window_samples
        self._step_samples = window_samples // 2 if overlap else window_samples
        self._windows_per_piece = 2 if overlap else 1
        self._least_samples = round(manifest.minimum_s * manifest.frontend.sample_rate_hz)
        self._latest: Waveform = np.zeros(0, np.float32)  # at most the last window
        self._collector = PieceCollector(manifest.embedding_dim, manifest.temperature)
        self.forget()

    @property
    def pieces(self) -> Pieces:
        """The complete windows that do not overlap."""
        return self._collector.pieces

    @property
    def is_enough(self) -> bool:
        """Whether the last window has the minimum speech of the model."""
        return len(self._latest) >= self._least_samples

    def forget(self, *, keep_samples: int = 0) -> None:
        """Forget the speech so far, except its last samples."""
        kept = self._latest[-keep_samples:] if keep_samples else np.zeros(0, np.float32)
        self._latest = np.zeros(0, np.float32)
        self._until_window = self._window_samples  # samples until the next window is complete
        self._num_windows = 0
        self._sum: npt.NDArray[np.float64] = np.zeros(self._manifest.embedding_dim)
        self.take(kept)

    def take(self, speech: Waveform) -> None:
        """Take the next samples of speech and encode the completed windows."""
        while len(speech) >= self._until_window:
            self._keep(speech[: self._until_window])
            speech = speech[self._until_window :]
            latest = self.latest()
            self._sum += latest
            if self._num_windows % self._windows_per_piece == 0:
                rate_hz = self._manifest.frontend.sample_rate_hz
                self._collector.add(latest, self._window_samples / rate_hz)
            self._num_windows += 1
            self._until_window = self._step_samples
        self._keep(speech)
        self._until_window -= len(speech)

    def latest(self) -> Embedding:
        """Return the (D,) float32 embedding of the last window; zeros below the model's minimum."""
        if not self.is_enough:
            return np.zeros(self._manifest.embedding_dim, np.float32)
        outputs = self._session.run_any_shape({SAMPLES: self._latest[np.newaxis]})
        embedding: Embedding = outputs[EMBEDDING][0]
        return embedding

    def mean(self, latest: Embedding | None = None) -> Embedding:
        """Return the (D,) float32 mean of all windows, of length T; zeros below the minimum.

        Args:
            latest: result of `latest`; None means that it is computed.
        """
        total = self._sum
        if not self._num_windows or self._until_window < self._step_samples:
            total = total + (self.latest() if latest is None else latest)
        return scaled(total, self._manifest.temperature)

    def _keep(self, speech: Waveform) -> None:
        joined = np.concatenate([self._latest, speech[-self._window_samples :]])
        self._latest = joined[-self._window_samples :].copy()


def speech_samples(samples: Waveform, is_speech: npt.NDArray[np.bool_]) -> Waveform:
    """Return the samples of speech frames, one hop per frame.

    Args:
        samples: (num_frames * hop,), the newest hop of every frame.
        is_speech: (num_frames,) bool.
    """
    speech: Waveform = samples[np.repeat(is_speech, len(samples) // max(1, len(is_speech)))]
    return speech


class WindowedEncoder:
    """The `SpeakerEncoder` of windowed models."""

    def __init__(self, session: OnnxSession, manifest: ModelManifest) -> None:
        self.session = session
        self.manifest = manifest

    def encode(
        self, samples: Waveform | Iterable[Waveform], *, listener: FrameListener | None = None
    ) -> Encoding:
        """Encode a whole recording."""
        return WindowedStream(self.session, self.manifest, listener=listener).encode(samples)

    def stream(self) -> WindowedStream:
        """Start a stream."""
        return WindowedStream(self.session, self.manifest)


class WindowedStream(EncoderStream):
    """The `EncoderStream` of windowed models. It keeps one window of samples."""

    def __init__(
        self,
        session: OnnxSession,
        manifest: ModelManifest,
        *,
        listener: FrameListener | None = None,
    ) -> None:
        super().__init__(manifest, listener)
        (_, window_samples) = window_shapes(manifest)[SAMPLES]
        self._windows = self._short = SpeechWindows(session, manifest, window_samples)
        if manifest.utterance_s is not None:
            whole_samples = round(manifest.utterance_s * manifest.frontend.sample_rate_hz)
            self._windows = SpeechWindows(session, manifest, whole_samples)
            self._short = SpeechWindows(session, manifest, window_samples, overlap=False)
        self._activity = detector(manifest)
        # The frames that are not encoded yet: the newest hop of each, and whether it is speech.
        self._pending: Waveform = np.zeros(0, np.float32)
        self._is_speech = np.zeros(0, np.bool_)
        # The samples before the newest hop of the first frame.
        self._num_to_skip = manifest.frontend.window_samples - manifest.frontend.hop_samples

    def _take(self, samples: Waveform) -> None:
        num_skipped = min(self._num_to_skip, len(samples))
        self._num_to_skip -= num_skipped
        self._pending = np.concatenate([self._pending, samples[num_skipped:]])
        self._is_speech = np.concatenate([self._is_speech, self._activity.push(samples)])
        # A listener expects whole hops.
        hop_frames = self._manifest.hop_frames
        self._encode_frames(len(self._is_speech) // hop_frames * hop_frames)

    def embedding(self) -> Embedding:
        """Return the (D,) float32 embedding of all complete hops, including a partial window."""
        check_duration(self._manifest, self.duration_s)
        if self._num_speech_frames and not self._windows.is_enough:
            raise AudioTooShortError(
                needed_s=self._manifest.minimum_s, got_s=self.speech_s, what="speech"
            )
        return self._windows.mean()

    @property
    def _pieces(self) -> Pieces:
        return self._short.pieces

    def _take_rest(self) -> None:
        self._encode_frames(len(self._is_speech))

    def _encode_frames(self, num_frames: int) -> None:
        """Encode the speech of the next frames."""
        is_speech, self._is_speech = np.split(self._is_speech, [num_frames])
        newest, self._pending = np.split(
            self._pending, [num_frames * self._manifest.frontend.hop_samples]
        )
        self._count_frames(newest, is_speech)
        speech = speech_samples(newest, is_speech)
        self._windows.take(speech)
        if self._short is not self._windows:
            self._short.take(speech)


class WindowedHopState(HopState):
    """The state of one stream of a windowed model."""

    def __init__(self, session: OnnxSession, manifest: ModelManifest, sizes: HopSizes) -> None:
        super().__init__(manifest, sizes)
        self.windows = SpeechWindows(session, manifest, sizes.window_hops * manifest.hop_samples)

    def reset(self) -> None:
        """Reset the state: the next hop is the first of a stream."""
        super().reset()
        self.windows.forget()

    def restart(self, *, keep_hops: int = 0) -> None:
        """Forget the speech so far, except its last hops; the encoder state is kept."""
        super().restart(keep_hops=keep_hops)
        frame_samples = self._manifest.frontend.hop_samples
        self.windows.forget(keep_samples=self.ring.frames_so_far * frame_samples)


class WindowedHopEncoder:
    """The `HopEncoder` of windowed models. It encodes the latest window at every hop."""

    def __init__(self, session: OnnxSession, manifest: ModelManifest, sizes: HopSizes) -> None:
        self.manifest = manifest
        self._session = session
        self._sizes = sizes

    def start(self) -> HopState:
        """Return the initial state of a stream."""
        return WindowedHopState(self._session, self.manifest, self._sizes)

    def encode(self, states: Sequence[HopState]) -> None:
        """Encode the windows that end with the hops in the buffers, and advance the buffers."""
        for state in states:
            self._encode(state, self.manifest.hop_frames)

    def encode_remainder(self, state: HopState) -> None:
        """Encode the frames of an incomplete hop, at the end of a stream."""
        num_frames = state.buffer.num_frames
        state.buffer.pad()
        self._encode(state, num_frames)

    def _encode(self, state: HopState, num_frames: int) -> None:
        if not isinstance(state, WindowedHopState):
            raise TypeError(f"expected a state made by start(), got {type(state).__name__}")
        is_speech = state.detect_speech(num_frames)
        speech_frames = int(is_speech.sum())
        state.count_speech(speech_frames, num_frames)
        if not state.has_speech:
            state.ring.skip()
            state.buffer.advance()
            return
        state.ring.add(np.zeros(0, np.float32), speech_frames=speech_frames)
        newest = state.buffer.samples[-self.manifest.hop_samples :]
        newest = newest[: num_frames * self.manifest.frontend.hop_samples]
        state.windows.take(speech_samples(newest, is_speech))
        state.buffer.advance()
        state.is_evidence = state.is_evidence and state.windows.is_enough
        latest = state.windows.latest()
        state.embeddings[WINDOW] = state.embeddings[RECENT] = latest
        state.embeddings[SO_FAR] = state.windows.mean(latest)
