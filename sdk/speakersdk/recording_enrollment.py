"""Enrollment from recordings: each becomes one exemplar of a voiceprint."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from speakersdk.encoder import SpeakerEncoder
from speakersdk.errors import AudioError, EnrollmentError
from speakersdk.recording import (
    Recording,
    check_list,
    load_recording,
    recording_label,
    speech_shortage,
)
from speakersdk.voiceprint import Voiceprint, check_name


def enroll_recordings(
    encoder: SpeakerEncoder,
    recordings: Sequence[Recording],
    *,
    name: str,
    sample_rate_hz: float | None = None,
) -> Voiceprint:
    """See `speakersdk.verifier.Verifier.enroll`."""
    check_list(recordings)
    name = check_name(name)
    if not recordings:
        raise EnrollmentError(f"expected at least one recording of {name!r}, got none")
    manifest = encoder.manifest
    encodings = []
    for number, recording in enumerate(recordings, start=1):
        label = f"recording {number} ({recording_label(recording)})"
        try:
            encoding = encoder.encode(load_recording(recording, sample_rate_hz))
        except AudioError as error:
            raise EnrollmentError(f"cannot enroll {name!r} from {label}: {error}") from error
        if shortage := speech_shortage(encoding, manifest.calibration):
            raise EnrollmentError(f"cannot enroll {name!r} from {label}: {shortage[1]}")
        encodings.append(encoding)
    return Voiceprint(
        name=name,
        model_name=manifest.name,
        model_sha256=manifest.weights_sha256,
        temperature=manifest.temperature,
        exemplars=np.stack([encoding.embedding for encoding in encodings]),
        speech_s=np.array([encoding.speech_s for encoding in encodings]),
        created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
    )
