"""The speech probability of every frame of an utterance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Waveform
from speakersdk.encoder.graph import SPEECH, StatefulGraph
from speakersdk.encoder.interface import SpeakerEncoder


def speech_probability(encoder: SpeakerEncoder, samples: Waveform) -> npt.NDArray[np.float32]:
    """Return the (k,) speech probabilities of the frames of a whole utterance."""
    outputs = encoder.session.run(StatefulGraph(encoder.manifest).whole(samples))
    speech: npt.NDArray[np.float32] = outputs[SPEECH][0]
    return speech
