"""Adaptive score normalization by a cohort of training speakers, as benchmarks compare it.

m_a and d_a are the mean and standard deviation of the scores between side a and its K most similar
members of the cohort.

    s-norm   ((s - m_a) / d_a + (s - m_b) / d_b) / 2
    centered  s - (m_a + m_b) / 2

Source of the first: S. Cumani et al., "Comparison of speaker recognition approaches for real
applications", 2011. The second equals a calibration with m_a + m_b as a further input, whose fitted
weight is half that of the score, within a tenth.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from benchmarks.harness.trial_pairs import Floats, Pairs, Side, read_length
from speakersdk.evaluation.segments import Segment
from speakersdk.scoring import symmetric_kl_matrix

SIZE = 256
_NEAREST = 20
_LENGTH_S = 3.0
_PER_SPEAKER = 2
_CORPORA = (
    "arabic-speech-commands", "dspspeech20", "librispeech", "speech-commands", "speechocean762"
)  # fmt: skip
_NARROW = "speechocean762"


def cohort_segments(*, narrow: bool = False, smoke: bool = False) -> list[Segment]:
    """Choose `SIZE` segments of the train split, alternating between corpora and speakers.

    Args:
        narrow: use only the corpus of the trials.
        smoke: use a single file.
    """
    queues = [
        read_length(_LENGTH_S, corpus=corpus, split="train", per_speaker=_PER_SPEAKER)
        for corpus in ((_NARROW,) if narrow or smoke else _CORPORA)
    ]
    if smoke:
        path = queues[0][0].pieces[0].path
        queues = [[at for at in queues[0] if {piece.path for piece in at.pieces} == {path}]]
    rng = np.random.default_rng(1)
    shuffled = []
    for queue in queues:
        order = [queue[index] for index in rng.permutation(len(queue))]
        seen: dict[str, int] = {}
        turn = []
        for segment in order:
            turn.append(seen.get(segment.speaker, 0))
            seen[segment.speaker] = turn[-1] + 1
        # First segments of all speakers, then second segments.
        shuffled.append([order[index] for index in np.argsort(turn, kind="stable")])
    chosen: list[Segment] = []
    while len(chosen) < SIZE and any(shuffled):
        for queue in shuffled:
            if queue and len(chosen) < SIZE:
                chosen.append(queue.pop(0))
    return chosen


def normalized(
    trials: Pairs, enrolled: Side, probes: Side, cohort: npt.NDArray[np.float32]
) -> Mapping[str, Pairs]:
    """Return the trials with the normalized scores of each method."""
    first, second = _statistics(enrolled, cohort), _statistics(probes, cohort)
    mean_a, deviation_a = first[:, trials.rows[:, 0]]
    mean_b, deviation_b = second[:, trials.rows[:, 1]]
    scores = trials.scores
    return {
        "s-norm": trials.with_scores(
            ((scores - mean_a) / deviation_a + (scores - mean_b) / deviation_b) / 2
        ),
        "centered": trials.with_scores(scores - (mean_a + mean_b) / 2),
    }


def _statistics(side: Side, cohort: npt.NDArray[np.float32]) -> Floats:
    """Return the (2, N) mean and deviation of scores with the most similar cohort members."""
    scores = -symmetric_kl_matrix(side.embeddings, cohort)
    nearest = np.partition(scores, -_NEAREST, axis=1)[:, -_NEAREST:]
    statistics: Floats = np.stack([nearest.mean(axis=1), nearest.std(axis=1)])
    return statistics
