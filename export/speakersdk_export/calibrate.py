"""Calibration of an exported model on development trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from speakersdk.arrays import scaled
from speakersdk.calibration.calibration import DEFAULT_MINIMUM_SPEECH_S, Calibration
from speakersdk.calibration.fit import balanced_weights, fit_calibration
from speakersdk.calibration.thresholds import judged, robust_points
from speakersdk.cli.output import progress
from speakersdk.encoder.interface import Encoding, SpeakerEncoder
from speakersdk.errors import AudioTooShortError, ConfigError
from speakersdk.evaluation.embedding_cache import EmbeddingCache
from speakersdk.evaluation.encode_trials import score_trials
from speakersdk.evaluation.segments import Segment, read_segment_lists, share_audio
from speakersdk.evaluation.trials import count_repeated, read_trials, used_segments
from speakersdk.files import file_sha256
from speakersdk.metrics import eer
from speakersdk_export.strangers import HeldOut, calibration_of, collect
from speakersdk_training.evaluation.conditions import CONDITIONS
from speakersdk_training.evaluation.trial_audio import read_segment_audio


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationTrials:
    """The files of the calibration trials. All lists are pooled.

    Attributes:
        lists: trial lists in VoxCeleb form, ``label segment segment``.
        segments: lists of the segments that the trials name.
        root: base folder of audio paths.
    """

    lists: tuple[Path, ...]
    segments: tuple[Path, ...]
    root: Path

    @classmethod
    def together(
        cls, lists: Sequence[Path], segments: Sequence[Path], root: Path | None
    ) -> CalibrationTrials | None:
        """Return the trials that a command line names; None if it names none.

        Raises:
            ConfigError: some of the three options are missing.
        """
        if not (lists or segments or root):
            return None
        if not (lists and segments and root):
            raise ConfigError(
                "expected --trials, --segments and --audio-root together; add the missing ones"
            )
        return cls(lists=tuple(lists), segments=tuple(segments), root=root)


@dataclass(frozen=True, slots=True)
class ScoredList:
    """The scored trials of one list.

    Attributes:
        name: name of the list.
        scores: (num_trials,) float64 scores -J.
        labels: (num_trials,) bool, true for trials of the same speaker.
        speech_s: (num_trials, 2) net speech of both sides in seconds.
        speakers: speakers of both sides of each trial.
    """

    name: str
    scores: npt.NDArray[np.float64]
    labels: npt.NDArray[np.bool_]
    speech_s: list[tuple[float, float]]
    speakers: list[tuple[str, str]]

    @property
    def eer(self) -> float:
        """The equal error rate, in [0, 1]."""
        return eer(self.scores, self.labels)


def score_lists(
    encoder: SpeakerEncoder, trials: CalibrationTrials, *, cache: EmbeddingCache | None = None
) -> list[ScoredList]:
    """Score every list.

    Trials whose segments share audio are left out, because their scores are too high and a device
    never gets the same recording twice. Trials with a segment that has too little speech for an
    embedding are left out as well, because they get no decision.

    Args:
        encoder: encoder of the model.
        trials: the trials to score.
        cache: cache of embeddings by the same weights; None means that every segment is encoded.

    Raises:
        ConfigError: a list is malformed or names an unknown segment, or a pair has both labels.
    """
    known = read_segment_lists(trials.segments)
    listed = {path: read_trials(path) for path in trials.lists}
    count_repeated(chain.from_iterable(listed.values()), is_symmetric=True)  # refuses two labels
    for path, entries in listed.items():
        used_segments(entries, known)  # refuse unknown names
        listed[path] = [
            trial for trial in entries if not share_audio(known[trial.enroll], known[trial.probe])
        ]
    pooled = [trial for entries in listed.values() for trial in entries]
    encodings = _encodings(encoder, used_segments(pooled, known), trials.root, cache)
    for path, entries in listed.items():
        listed[path] = [
            trial for trial in entries if trial.enroll in encodings and trial.probe in encodings
        ]
    embeddings = {name: encoding.embedding for name, encoding in encodings.items()}
    return [
        ScoredList(
            path.stem,
            score_trials(entries, embeddings),
            np.array([trial.is_target for trial in entries], dtype=np.bool_),
            [
                (encodings[trial.enroll].speech_s, encodings[trial.probe].speech_s)
                for trial in entries
            ],
            [(known[trial.enroll].speaker, known[trial.probe].speaker) for trial in entries],
        )
        for path, entries in listed.items()
    ]


def _encodings(
    encoder: SpeakerEncoder, segments: Sequence[Segment], root: Path, cache: EmbeddingCache | None
) -> dict[str, Encoding]:
    """Return the encodings by name, without segments that have too little speech.

    The progress is reported on stderr, because a large encoder takes minutes.
    """
    hashes: dict[str, str] = {}
    keys: dict[str, str] = {}
    found: dict[str, Encoding] = {}
    if cache is not None:
        for path in {piece.path for segment in segments for piece in segment.pieces}:
            hashes[path] = file_sha256(root / path)
        for segment in segments:
            parts = [(hashes[at.path], at.start, at.num_samples) for at in segment.pieces]
            keys[segment.name] = cache.key(parts)
            kept = cache.get(keys[segment.name])
            if kept is not None:  # the temperature may differ
                embedding = scaled(kept.embedding, encoder.manifest.temperature)
                found[segment.name] = replace(kept, embedding=embedding)
    missing = [segment for segment in segments if segment.name not in found]
    num_short = 0
    with progress("encoded") as report:
        for name, samples in read_segment_audio(missing, root).items():
            try:
                found[name] = encoder.encode(samples)
            except AudioTooShortError:
                num_short += 1
            else:
                if cache is not None:
                    cache.put(keys[name], found[name])
            report(len(found), num_short, len(segments))
    return found


def with_robust_thresholds(
    encoder: SpeakerEncoder, root: Path, *, held_out: HeldOut, most: int
) -> Calibration:
    """Return a model's calibration with thresholds for corpora that were not in the training.

    Args:
        encoder: encoder of a calibrated model; its LLR is unchanged.
        root: folder of the corpora.
        held_out: speakers of the training corpora that training left out.
        most: maximum number of speakers per corpus.

    Raises:
        ConfigError: the model has no calibration, or there are too few speakers that were not in
            the training.
    """
    calibration = calibration_of(encoder)
    cohort, groups = collect(encoder, root, held_out=held_out, most=most)
    corpora = sorted({group.corpus for group in groups})
    return replace(
        calibration,
        operating_points=tuple(judged(robust_points(groups), groups)),
        cohort=cohort,
        measured_on=(*corpora, *CONDITIONS),
    )


def calibrate(
    scored: list[ScoredList], *, minimum_speech_s: float = DEFAULT_MINIMUM_SPEECH_S
) -> Calibration:
    """Fit the calibration on all lists, with equal weights of lists and speakers.

    Args:
        scored: result of `score_lists`.
        minimum_speech_s: minimum net speech of a decision in seconds.

    Raises:
        ConfigError: the trials do not support a fit.
    """
    labels = np.concatenate([part.labels for part in scored])
    sides = np.array([pair for part in scored for pair in part.speakers])
    _, numbers = np.unique(sides, return_inverse=True)
    lists = np.repeat(np.arange(len(scored)), [len(part.labels) for part in scored])
    return fit_calibration(
        np.concatenate([part.scores for part in scored]),
        labels,
        [pair for part in scored for pair in part.speech_s],
        weights=balanced_weights(labels, numbers.reshape(-1, 2), lists),
        minimum_speech_s=minimum_speech_s,
    )
