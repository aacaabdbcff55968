"""What the speech head says of every frame of an utterance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.encoder.load import SpeakerEncoder


def speech_probability(encoder: SpeakerEncoder, samples: Waveform) -> npt.NDArray[np.float32]:
    """(k,) speech probability of each frame of a whole utterance."""
    manifest = encoder.manifest
    num_frames = manifest.frontend.num_frames(len(samples))
    used = manifest.frontend.num_samples(num_frames)
    outputs = encoder.session.run(
        {
            "samples": np.concatenate([np.zeros(1, np.float32), samples[:used]])[np.newaxis],
            "frame_weights": np.ones((1, num_frames), np.float32),
            "cache": np.zeros((1, manifest.cache_size), np.float32),
            "statistics": np.zeros((1, manifest.statistics_size), np.float32),
        }
    )
    speech: npt.NDArray[np.float32] = outputs["speech"][0]
    return speech
