"""Trials of the speakers that a training left out of its corpora.

Two recordings of one session share microphone, place and day. Lists across sessions show how much
of a low error rate is due to that.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from speakersdk.evaluation.segments import Segment
from speakersdk.evaluation.trials import Trial
from speakersdk_export.strangers import read_sessions
from speakersdk_training.config import CorpusConfig, TrainConfig, TrialsConfig
from speakersdk_training.data.corpus import Utterance, read_corpus
from speakersdk_training.evaluation.trial_lists import cut_segments, draw_trials, write_lists
from speakersdk_training.fit.bank import read_utterances

_TARGETS, _NONTARGETS = 3000, 12_000  # per list, before trials within a recording are dropped
_FEWEST_SPEAKERS = 20  # with several sessions, for a list across sessions


def left_out_lists(
    config: TrainConfig, folder: Path, *, seconds: Iterable[float]
) -> list[TrialsConfig]:
    """Draw a list for every corpus of which the training left out speakers.

    Target trials compare different recordings. A corpus with `sessions.jsonl` and enough speakers
    with several sessions gets a second list, whose target trials compare different sessions.

    Args:
        config: configuration of the training.
        folder: folder of the lists.
        seconds: lengths of the segments in seconds.
    """
    trained_on = {utterance.speaker for utterance in read_utterances(config.data)}
    lists = []
    for corpus in config.data.corpora:
        root = Path(corpus.root)
        sessions = read_sessions(root)
        for (name, utterances), length_s in product(_left_out(corpus, trained_on), seconds):
            segments = cut_segments(utterances, root, duration_s=length_s)
            trials = between_recordings(_draw(segments), segments, utterances, root)
            lists.append(_written(folder, f"{name}-{length_s:g}s", segments, trials, root))
            segments = cut_by_session(utterances, sessions, root, duration_s=length_s)
            if len({segment.speaker for segment in segments}) >= _FEWEST_SPEAKERS:
                stem = f"{name}-other-sessions-{length_s:g}s"
                trials = between_sessions(_draw(segments))
                lists.append(_written(folder, stem, segments, trials, root))
    return lists


def _left_out(corpus: CorpusConfig, trained_on: set[str]) -> list[tuple[str, list[Utterance]]]:
    """Return the utterances of other speakers in the split of a corpus, by the corpus they name."""
    left: dict[str, list[Utterance]] = {}
    for utterance in read_corpus(corpus.layout, Path(corpus.root)):
        if utterance.split == corpus.split and utterance.speaker not in trained_on:
            left.setdefault(utterance.corpus, []).append(utterance)
    return sorted(left.items())


def _draw(segments: list[Segment]) -> list[Trial]:
    return draw_trials(
        segments, num_target=_TARGETS, num_nontarget=_NONTARGETS, rng=np.random.default_rng(1)
    )


def _written(
    folder: Path, stem: str, segments: list[Segment], trials: list[Trial], root: Path
) -> TrialsConfig:
    write_lists(folder, stem, segments, trials)
    return TrialsConfig(
        name=stem,
        trials=str(folder / f"{stem}.txt"),
        segments=str(folder / f"segments-{stem}.jsonl"),
        root=str(root),
    )


def cut_by_session(
    utterances: Iterable[Utterance],
    sessions: dict[tuple[Path, int], int],
    root: Path,
    *,
    duration_s: float,
) -> list[Segment]:
    """Cut segments within single sessions of the speakers that have several, named after both."""
    by_session: dict[str, dict[int, list[Utterance]]] = {}
    for utterance in utterances:
        session = sessions.get((utterance.path, utterance.start))
        if session is not None:
            of_speaker = by_session.setdefault(utterance.speaker, {})
            of_speaker.setdefault(session, []).append(utterance)
    segments = []
    for of_speaker in by_session.values():
        cut = {
            session: group
            for session in sorted(of_speaker)
            if (group := cut_segments(of_speaker[session], root, duration_s=duration_s))
        }
        if len(cut) > 1:
            segments += [
                replace(segment, name=f"{segment.name}/session-{session}")
                for session, group in cut.items()
                for segment in group
            ]
    return segments


def between_sessions(trials: list[Trial]) -> list[Trial]:
    """Return the trials of different speakers, and those of different sessions of a speaker."""

    def session(name: str) -> str:
        return name.rpartition("/")[2]

    return [
        trial
        for trial in trials
        if not trial.is_target or session(trial.enroll) != session(trial.probe)
    ]


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
