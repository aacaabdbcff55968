"""The most likely sequence of voices, hop by hop.

The evidence of a hop for a voice is the LLR of the window around it. Each hop of a window counts
for its share of the window. A change of voice has a cost that reflects how rare it is.
Source: A. J. Viterbi, "Error bounds for convolutional codes", 1967. The resegmentation of
F. Landini et al., "Bayesian HMM clustering of x-vector sequences (VBx)", 2022, is similar.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

# Probability of a change of speaker at the next hop of speech: after a pause, and within a stretch.
CHANGE_AT_PAUSE: Final = 0.3
CHANGE_IN_SPEECH: Final = 0.02


def decode(
    evidence: npt.NDArray[np.float64], is_after_pause: npt.NDArray[np.bool_]
) -> npt.NDArray[np.intp]:
    """Find the voice of each hop.

    Args:
        evidence: (H, K) natural log-likelihood of each hop with each voice.
        is_after_pause: (H,) bool, whether a pause precedes the hop.

    Returns:
        (H,) number of the voice.
    """
    num_hops, num_voices = evidence.shape
    best = evidence[0].copy()
    came_from = np.zeros((num_hops, num_voices), np.intp)
    others = max(1, num_voices - 1)
    stay = np.arange(num_voices)
    for hop in range(1, num_hops):
        change = CHANGE_AT_PAUSE if is_after_pause[hop] else CHANGE_IN_SPEECH
        stayed = best + math.log1p(-change)
        leader = int(best.argmax())
        moved = best[leader] + math.log(change / others)
        came_from[hop] = np.where(stayed >= moved, stay, leader)
        best = np.maximum(stayed, moved) + evidence[hop]
    voices = np.zeros(num_hops, np.intp)
    voices[-1] = int(best.argmax())
    for hop in range(num_hops - 1, 0, -1):
        voices[hop - 1] = came_from[hop, voices[hop]]
    return voices
