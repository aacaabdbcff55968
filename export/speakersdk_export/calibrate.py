"""Development trials scored by the SDK's own encoder, and the calibration that fits them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from speakersdk.calibration.calibration import Calibration
from speakersdk.calibration.fit import balanced_weights, fit_calibration
from speakersdk.encoder.load import SpeakerEncoder
from speakersdk.evaluation.encode_trials import score_trials
from speakersdk.evaluation.segments import Segment, read_segments, share_audio
from speakersdk.evaluation.trials import read_trials, used_segments
from speakersdk.metrics import eer
from speakersdk_training.evaluation.trial_audio import read_segment_audio


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationTrials:
    """Files that the calibration is fitted on; all lists are pooled.

    Attributes:
        lists: trials in VoxCeleb form, ``label segment segment``.
        segments: the segments that they name.
        root: folder that the segments' audio paths start from.
    """

    lists: tuple[Path, ...]
    segments: tuple[Path, ...]
    root: Path


@dataclass(frozen=True, slots=True)
class ScoredList:
    """The trials of one list.

    Attributes:
        name: of the list.
        scores: (num_trials,) float64, -J.
        labels: (num_trials,) bool, True = same speaker.
        speech_s: net seconds of speech of the two sides of each trial.
        speakers: of the two sides of each trial.
    """

    name: str
    scores: npt.NDArray[np.float64]
    labels: npt.NDArray[np.bool_]
    speech_s: list[tuple[float, float]]
    speakers: list[tuple[str, str]]

    @property
    def eer(self) -> float:
        """Equal error rate, in [0, 1]."""
        return eer(self.scores, self.labels)


def score_lists(encoder: SpeakerEncoder, trials: CalibrationTrials) -> list[ScoredList]:
    """Score every list.

    Trials whose two segments share audio are left out: no device hears the same recording twice,
    and they score as no honest target trial does.

    Raises:
        ConfigError: the lists are malformed or name unknown segments.
    """
    known: dict[str, Segment] = {}
    for path in trials.segments:
        known |= read_segments(path)
    listed = {path: read_trials(path) for path in trials.lists}
    for path, entries in listed.items():
        used_segments(entries, known)  # refuses unknown names
        listed[path] = [
            trial for trial in entries if not share_audio(known[trial.enroll], known[trial.probe])
        ]
    pooled = [trial for entries in listed.values() for trial in entries]
    audio = read_segment_audio(used_segments(pooled, known), trials.root)
    encodings = {name: encoder.encode(samples) for name, samples in audio.items()}
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


def calibrate(scored: list[ScoredList]) -> Calibration:
    """Fit the calibration on all lists; no list and no speaker outweighs the others.

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
    )
