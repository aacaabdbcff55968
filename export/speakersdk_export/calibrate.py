"""Calibration of a model file on development trials, embedded by the SDK's own encoder."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from speakersdk.calibration import Calibration, fit_calibration
from speakersdk.encoder import Encoding, SpeakerEncoder
from speakersdk.scoring import symmetric_kl_to_many
from speakersdk.trials import Segment, Trial, read_segments, read_trials, used_segments
from speakersdk_training.trial_audio import read_segment_audio


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


def calibrate(encoder: SpeakerEncoder, trials: CalibrationTrials) -> Calibration:
    """Fit the calibration of an encoder.

    Trials whose two segments share audio are left out: no device hears the same recording twice,
    and they score as no honest target trial does.

    Raises:
        ConfigError: the lists are malformed, name unknown segments, or do not support a fit.
    """
    listed = [trial for path in trials.lists for trial in read_trials(path)]
    known: dict[str, Segment] = {}
    for path in trials.segments:
        known |= read_segments(path)
    used_segments(listed, known)  # refuses unknown names
    listed = [trial for trial in listed if not share_audio(known[trial.enroll], known[trial.probe])]
    audio = read_segment_audio(used_segments(listed, known), trials.root)
    encodings = {name: encoder.encode(samples) for name, samples in audio.items()}
    speech_s = [
        (encodings[trial.enroll].speech_s, encodings[trial.probe].speech_s) for trial in listed
    ]
    return fit_calibration(
        score_trials(listed, encodings), [trial.is_target for trial in listed], speech_s
    )


def share_audio(a: Segment, b: Segment) -> bool:
    """Whether any sample is in both segments."""
    return any(
        one.path == other.path
        and one.start < other.start + other.num_samples
        and other.start < one.start + one.num_samples
        for one in a.pieces
        for other in b.pieces
    )


def score_trials(trials: list[Trial], encodings: dict[str, Encoding]) -> npt.NDArray[np.float64]:
    """(len(trials),) scores -J, in the order of the trials."""
    scores = np.empty(len(trials))
    by_enroll: defaultdict[str, list[int]] = defaultdict(list)
    for index, trial in enumerate(trials):
        by_enroll[trial.enroll].append(index)
    for enroll, indices in by_enroll.items():
        probes = np.stack([encodings[trials[index].probe].embedding for index in indices])
        scores[indices] = -symmetric_kl_to_many(encodings[enroll].embedding, probes)
    return scores
