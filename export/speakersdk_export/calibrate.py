"""Calibration of a model file on development trials, embedded by the SDK's own encoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speakersdk.calibration import Calibration, balanced_weights, fit_calibration
from speakersdk.encoder import SpeakerEncoder
from speakersdk.trial_encoding import score_trials
from speakersdk.trials import Segment, read_segments, read_trials, share_audio, used_segments
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
    """Fit the calibration of an encoder; no list and no speaker outweighs the others.

    Trials whose two segments share audio are left out: no device hears the same recording twice,
    and they score as no honest target trial does.

    Raises:
        ConfigError: the lists are malformed, name unknown segments, or do not support a fit.
    """
    numbered = [
        (number, trial) for number, path in enumerate(trials.lists) for trial in read_trials(path)
    ]
    known: dict[str, Segment] = {}
    for path in trials.segments:
        known |= read_segments(path)
    used_segments((trial for _, trial in numbered), known)  # refuses unknown names
    numbered = [
        (number, trial)
        for number, trial in numbered
        if not share_audio(known[trial.enroll], known[trial.probe])
    ]
    listed = [trial for _, trial in numbered]
    audio = read_segment_audio(used_segments(listed, known), trials.root)
    encodings = {name: encoder.encode(samples) for name, samples in audio.items()}
    speech_s = [
        (encodings[trial.enroll].speech_s, encodings[trial.probe].speech_s) for trial in listed
    ]
    embeddings = {name: encoding.embedding for name, encoding in encodings.items()}
    labels = [trial.is_target for trial in listed]
    speakers = [(known[trial.enroll].speaker, known[trial.probe].speaker) for trial in listed]
    _, sides = np.unique(np.array(speakers), return_inverse=True)
    return fit_calibration(
        score_trials(listed, embeddings),
        labels,
        speech_s,
        weights=balanced_weights(labels, sides.reshape(-1, 2), [number for number, _ in numbered]),
    )
