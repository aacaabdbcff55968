"""The interface of speaker encoders: encodings, streams and checked waveforms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from speakersdk.arguments import checked
from speakersdk.arrays import Embedding, Waveform
from speakersdk.audio.levels import SpeechMeter
from speakersdk.audio.voice_activity import VoiceActivityDetector
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.encoder.pieces import Pieces
from speakersdk.errors import AudioTooShortError, ClosedError, InvalidAudioError
from speakersdk.runtime.session import OnnxSession


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding of a recording.

    Attributes:
        embedding: (D,) float32 logits of length T.
        speech_s: net speech in seconds.
        duration_s: duration in seconds.
        pieces: embeddings of pieces of the speech; None for recordings encoded in a batch.
        speech_dbfs: level of the speech in dBFS; None without speech, or in a batch.
        variation_db: standard deviation of the levels of the speech. None for less than a second of
            speech, or in a batch.
        clipped_share: share of the samples of speech that lie at full scale. None without speech,
            or in a batch.
    """

    embedding: Embedding
    speech_s: float
    duration_s: float
    pieces: Pieces | None = None
    speech_dbfs: float | None = None
    variation_db: float | None = None
    clipped_share: float | None = None


# A listener is called with each encoded frame once, in blocks of k frames: (k * hop,) float32
# samples, the newest hop of each frame, and (k,) bool, whether each frame is speech. All blocks
# except the last one are whole streaming hops.
FrameListener = Callable[[Waveform, npt.NDArray[np.bool_]], None]


@checked
class EncoderStream(ABC):
    """An encoder of audio that arrives in chunks, whose result does not depend on the chunks.

    Args:
        manifest: manifest of the model.
        listener: called with the encoded frames.
    """

    def __init__(self, manifest: ModelManifest, listener: FrameListener | None = None) -> None:
        self._manifest = manifest
        self._listener = listener
        self._level = SpeechMeter(hop_frames=manifest.hop_frames)
        self._num_samples = 0
        self._num_speech_frames = 0
        self._is_finished = False

    @property
    def duration_s(self) -> float:
        """Duration of the pushed audio in seconds."""
        return self._num_samples / self._manifest.frontend.sample_rate_hz

    @property
    def speech_s(self) -> float:
        """Net speech of the encoded audio in seconds."""
        return self._num_speech_frames * self._manifest.frame_s

    def push(self, samples: Waveform) -> None:
        """Take the next samples and encode the completed blocks.

        Raises:
            InvalidAudioError: the samples are not a finite (n,) float32 array.
            ClosedError: the stream is finished.
        """
        self._check_open()
        check_waveform(samples)
        self._num_samples += len(samples)
        self._take(samples)

    @abstractmethod
    def embedding(self) -> Embedding:
        """Return the (D,) float32 embedding of the audio encoded so far.

        Raises:
            AudioTooShortError: the audio is shorter than the model's minimum.
        """

    def finish(self) -> Encoding:
        """Encode the remaining samples and close the stream.

        Raises:
            AudioTooShortError: the audio is shorter than the model's minimum.
            ClosedError: the stream is already finished.
        """
        self._check_open()
        self._is_finished = True
        self._take_rest()
        return Encoding(
            self.embedding(),
            self.speech_s,
            self.duration_s,
            self._pieces,
            speech_dbfs=self._level.dbfs,
            variation_db=self._level.variation_db,
            clipped_share=self._level.clipped_share,
        )

    def encode(self, samples: Waveform | Iterable[Waveform]) -> Encoding:
        """Encode a whole recording, given as an array or in blocks, and close the stream."""
        for block in [samples] if isinstance(samples, np.ndarray) else samples:
            self.push(block)
        return self.finish()

    @property
    @abstractmethod
    def _pieces(self) -> Pieces:
        """The pieces of the speech so far."""

    @abstractmethod
    def _take(self, samples: Waveform) -> None:
        """Take checked samples and encode the completed blocks."""

    @abstractmethod
    def _take_rest(self) -> None:
        """Encode the samples of the last, incomplete block."""

    def _count_frames(self, samples: Waveform, is_speech: npt.NDArray[np.bool_]) -> None:
        """Count encoded frames, measure their level, and pass them to the listener.

        Args:
            samples: (k * hop,) float32, the newest hop of each of k frames.
            is_speech: (k,) bool, whether each frame is speech.
        """
        if not len(is_speech):
            return
        self._num_speech_frames += int(np.count_nonzero(is_speech))
        self._level.take(samples, is_speech)
        if self._listener is not None:
            self._listener(samples, is_speech)

    def _check_open(self) -> None:
        if self._is_finished:
            raise ClosedError("the stream is finished; start another with stream()")


class SpeakerEncoder(Protocol):
    """A model that computes embeddings of waveforms at the sample rate of its manifest."""

    @property
    def manifest(self) -> ModelManifest:
        """The manifest of the model file."""

    @property
    def session(self) -> OnnxSession:
        """The session that runs the model."""

    def encode(
        self, samples: Waveform | Iterable[Waveform], *, listener: FrameListener | None = None
    ) -> Encoding:
        """Encode a whole recording in one pass, in bounded memory if it is given in blocks.

        Args:
            samples: (n,) float32, mono, full scale +-1, at the sample rate of the manifest; or
                blocks of it, as from `speakersdk.audio.recordings.open_recording`.
            listener: called with the encoded frames.

        Raises:
            InvalidAudioError: the samples are not a finite (n,) float32 array.
            AudioTooShortError: the audio is shorter than the model's minimum.
        """

    def stream(self) -> EncoderStream:
        """Start a stream."""


def detector(manifest: ModelManifest) -> VoiceActivityDetector:
    """Make a voice activity detector for the frames of a model without a speech head."""
    frontend = manifest.frontend
    return VoiceActivityDetector(
        sample_rate_hz=frontend.sample_rate_hz,
        window_samples=frontend.window_samples,
        hop_samples=frontend.hop_samples,
    )


def check_waveform(samples: npt.NDArray[Any]) -> Waveform:
    """Check that samples are a waveform and return them.

    Raises:
        InvalidAudioError: the samples are not a finite (n,) float32 array.
    """
    if not isinstance(samples, np.ndarray) or samples.dtype != np.float32 or samples.ndim != 1:
        got = (
            f"{samples.dtype} of shape {samples.shape}"
            if isinstance(samples, np.ndarray)
            else type(samples).__name__
        )
        raise InvalidAudioError(
            f"expected an array of float32 of shape (n,), got {got}; "
            "convert it with speakersdk.audio.waveform.as_waveform"
        )
    if not np.isfinite(samples).all():
        raise InvalidAudioError("expected finite samples, got NaN or infinity")
    return samples


def check_duration(manifest: ModelManifest, duration_s: float) -> None:
    """Check that audio has the minimum duration of the model.

    Raises:
        AudioTooShortError: the audio is shorter.
    """
    if duration_s < manifest.minimum_s:
        raise AudioTooShortError(needed_s=manifest.minimum_s, got_s=duration_s)
