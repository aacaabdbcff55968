"""Trials of the speakers that a training left out of its corpora."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from speakersdk.evaluation.segments import Segment
from speakersdk.evaluation.trials import Trial
from speakersdk_training.config import TrainConfig, TrialsConfig
from speakersdk_training.data.corpus import Utterance, read_corpus
from speakersdk_training.evaluation.trial_lists import cut_segments, draw_trials, write_lists
from speakersdk_training.fit.bank import read_utterances

_TARGETS, _NONTARGETS = 3000, 12_000  # per list, before trials within a recording are dropped


def left_out_lists(
    config: TrainConfig, folder: Path, *, seconds: Iterable[float]
) -> list[TrialsConfig]:
    """Draw a list for every corpus of which the training left out speakers.

    Target trials compare different recordings; the halves of one share microphone, place and time.

    Args:
        config: configuration of the training.
        folder: folder of the lists.
        seconds: lengths of the segments in seconds.
    """
    trained_on = {utterance.speaker for utterance in read_utterances(config.data)}
    lists = []
    for corpus in config.data.corpora:
        root = Path(corpus.root)
        left: dict[str, list[Utterance]] = {}
        for utterance in read_corpus(corpus.layout, root):
            if utterance.split == corpus.split and utterance.speaker not in trained_on:
                left.setdefault(utterance.corpus, []).append(utterance)
        for name, utterances in sorted(left.items()):
            for length_s in seconds:
                segments = cut_segments(utterances, root, duration_s=length_s)
                drawn = draw_trials(
                    segments,
                    num_target=_TARGETS,
                    num_nontarget=_NONTARGETS,
                    rng=np.random.default_rng(1),
                )
                trials = between_recordings(drawn, segments, utterances, root)
                stem = f"{name}-{length_s:g}s"
                write_lists(folder, stem, segments, trials)
                lists.append(
                    TrialsConfig(
                        name=stem,
                        trials=str(folder / f"{stem}.txt"),
                        segments=str(folder / f"segments-{stem}.jsonl"),
                        root=str(root),
                    )
                )
    return lists


def between_recordings(
    trials: list[Trial], segments: list[Segment], utterances: list[Utterance], root: Path
) -> list[Trial]:
    """Return the trials whose sides share no utterance."""
    starts: dict[str, list[int]] = {}
    for utterance in utterances:
        path = utterance.path.relative_to(root).as_posix()
        starts.setdefault(path, []).append(utterance.start)
    for samples in starts.values():
        samples.sort()
    used = {
        segment.name: {
            (piece.path, bisect_right(starts[piece.path], piece.start)) for piece in segment.pieces
        }
        for segment in segments
    }
    return [trial for trial in trials if not used[trial.enroll] & used[trial.probe]]
