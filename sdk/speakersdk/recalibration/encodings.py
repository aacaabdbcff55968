"""What a fit starts from: the model's calibration, and the encodings with enough speech for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from speakersdk.calibration.calibration import Calibration
from speakersdk.decision.one_voice import Speech
from speakersdk.encoder.interface import Encoding
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import CalibrationError


def calibration_of(manifest: ModelManifest) -> Calibration:
    """Return the calibration of a model.

    Raises:
        CalibrationError: the model has no calibration.
    """
    if manifest.calibration is None:
        raise CalibrationError(
            f"expected a calibrated model, got {manifest.name} without calibration; there is "
            "nothing to refit; export or adopt it again with --trials"
        )
    return manifest.calibration


def with_enough_speech(
    encodings: Mapping[str, Sequence[Encoding]], calibration: Calibration, *, at_least: int = 1
) -> dict[str, list[Encoding]]:
    """Leave out encodings with too little speech, then groups with fewer than `at_least` others."""
    long_enough = {
        name: [encoding for encoding in group if encoding.speech_s >= calibration.minimum_speech_s]
        for name, group in encodings.items()
    }
    return {name: group for name, group in long_enough.items() if len(group) >= at_least}


def speech_of(encodings: Sequence[Encoding]) -> Speech:
    """Return the embeddings and net speech of encodings, of which there is at least one."""
    return Speech(
        np.stack([encoding.embedding for encoding in encodings]),
        np.array([encoding.speech_s for encoding in encodings]),
    )
