"""What every encoder gives and takes: the encoding of a recording, and a checked waveform."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embedding, Waveform
from speakersdk.audio.voice_activity import VoiceActivityDetector
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.encoder.pieces import Pieces
from speakersdk.errors import AudioTooShortError, InvalidAudioError
from speakersdk.runtime.session import OnnxSession


@dataclass(frozen=True, slots=True)
class Encoding:
    """What an encoder makes of a recording.

    Attributes:
        embedding: (D,) float32 logits of length T.
        speech_s: seconds of it that are speech.
        duration_s: seconds of audio.
        pieces: its speech piece by piece; None where many recordings were encoded together.
        speech_dbfs: level of its speech; None without any, and likewise.
    """

    embedding: Embedding
    speech_s: float
    duration_s: float
    pieces: Pieces | None = None
    speech_dbfs: float | None = None


# Called with the samples and the speech of frames as they are encoded, each frame once: (k * hop,)
# float32, the newest hop of each of the frames, and (k,) bool, which of them are speech. All calls
# but the last have whole streaming hops.
FrameListener = Callable[[Waveform, npt.NDArray[np.bool_]], None]


class EncoderStream(Protocol):
    """Audio that arrives in chunks; its encoding equals that of the whole, however it is cut."""

    @property
    def duration_s(self) -> float:
        """Seconds pushed so far."""

    @property
    def speech_s(self) -> float:
        """Seconds of speech among what has been encoded so far."""

    def push(self, samples: Waveform) -> None:
        """Take the next samples, any number, and encode what is complete.

        Raises:
            InvalidAudioError: not a finite (n,) float32 array.
            ClosedError: the stream is finished.
        """

    def embedding(self) -> Embedding:
        """(D,) float32 embedding of everything encoded so far.

        Raises:
            AudioTooShortError: less than the model's minimum.
        """

    def finish(self) -> Encoding:
        """Encode what is left and close the stream.

        Raises:
            AudioTooShortError: less than the model's minimum.
            ClosedError: the stream is finished already.
        """


class SpeakerEncoder(Protocol):
    """A model that turns waveforms at its manifest's sample rate into embeddings."""

    @property
    def manifest(self) -> ModelManifest:
        """What the model file says of itself."""

    @property
    def session(self) -> OnnxSession:
        """What runs it, and where."""

    def encode(
        self, samples: Waveform | Iterable[Waveform], *, listener: FrameListener | None = None
    ) -> Encoding:
        """Encode a whole recording in one pass, with bounded memory if it comes in blocks.

        Args:
            samples: (n,) float32, mono, full scale +-1, at the manifest's sample rate; or blocks of
                it, such as those of `speakersdk.audio.recordings.open_recording`.
            listener: hears every frame on the way.

        Raises:
            InvalidAudioError: not a finite (n,) float32 array.
            AudioTooShortError: less than the model's minimum.
        """

    def stream(self) -> EncoderStream:
        """A new stream that has heard nothing."""


def detector(manifest: ModelManifest) -> VoiceActivityDetector:
    """A voice activity detector for the frames of a model that has no speech head."""
    frontend = manifest.frontend
    return VoiceActivityDetector(
        sample_rate_hz=frontend.sample_rate_hz,
        window_samples=frontend.window_samples,
        hop_samples=frontend.hop_samples,
    )


def waveform_blocks(samples: Waveform | Iterable[Waveform]) -> Iterable[Waveform]:
    """The blocks of a recording; an array is one block."""
    return [samples] if isinstance(samples, np.ndarray) else samples


def check_waveform(samples: npt.NDArray[Any]) -> Waveform:
    """Return `samples` if they are a waveform.

    Raises:
        InvalidAudioError: they are not a finite (n,) float32 array.
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
    """Refuse audio shorter than the model's minimum.

    Raises:
        AudioTooShortError: it is.
    """
    if duration_s < manifest.minimum_s:
        raise AudioTooShortError(needed_s=manifest.minimum_s, got_s=duration_s)
