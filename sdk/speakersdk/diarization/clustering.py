"""Clustering of stretches of speech into voices, the most likely pair first.

Two groups are joined as long as their pooled embeddings are more likely one voice than two.
Source: agglomerative clustering with calibrated scores, A. McCree et al., "Speaker diarization
using leave-one-out Gaussian PLDA clustering of DNN embeddings", 2019, without its model.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import Embeddings
from speakersdk.calibration.calibration import Calibration
from speakersdk.decision.one_voice import Speech
from speakersdk.scoring import symmetric_kl_matrix

# Even odds if one pair in four is one voice, as in conversations of two to four speakers.
_JOIN_LLR: Final = math.log(3)


def cluster(speech: Speech, calibration: Calibration) -> npt.NDArray[np.intp]:
    """Number the voices of stretches of speech.

    Args:
        speech: N embeddings with the speech of each, at least one.
        calibration: calibration of the scores.

    Returns:
        (N,) number of the voice of each; the first voice is 0.
    """
    count = len(speech)
    groups = np.eye(count, dtype=np.bool_)
    joined = Speech(speech.embeddings.copy(), speech.speech_s.copy())
    llrs = llr_matrix(joined.embeddings, joined.speech_s, joined, calibration)
    np.fill_diagonal(llrs, -np.inf)
    while True:
        first, second = sorted(divmod(int(llrs.argmax()), count))
        if not llrs[first, second] > _JOIN_LLR:
            break
        groups[first] |= groups[second]
        groups[second] = False
        joined.embeddings[first] = speech.pooled(groups[first])
        joined.speech_s[first] += joined.speech_s[second]
        row = llr_matrix(joined.embeddings[[first]], joined.speech_s[[first]], joined, calibration)[
            0
        ]
        row[~groups.any(axis=1)] = row[first] = -np.inf
        llrs[first] = llrs[:, first] = row
        llrs[second] = llrs[:, second] = -np.inf
    voices = groups[groups.any(axis=1)]
    voices = voices[voices.argmax(axis=1).argsort()]  # in order of first occurrence
    labels: npt.NDArray[np.intp] = voices.argmax(axis=0)
    return labels


def llr_matrix(
    embeddings: Embeddings,
    speech_s: npt.NDArray[np.float64],
    others: Speech,
    calibration: Calibration,
) -> npt.NDArray[np.float64]:
    """Return the (A, B) LLRs that A and B embeddings are one voice."""
    scores = -symmetric_kl_matrix(embeddings, others.embeddings)
    both_s = np.stack(np.broadcast_arrays(speech_s[:, np.newaxis], others.speech_s), axis=-1)
    llrs, _ = calibration.llrs(scores.ravel(), both_s.reshape(-1, 2))
    return llrs.reshape(scores.shape)
