"""Joining of two voiceprints of the same speaker.

stored and new voiceprint -> llr of each new exemplar and the stored voice -> joined, or an error
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from speakersdk.arrays import Embedding
from speakersdk.calibration.calibration import Calibration
from speakersdk.decision.one_voice import OTHER_VOICE_LLR, Speech, llrs_to_the_others
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import ConfigError, EnrollmentError
from speakersdk.text import printable
from speakersdk.voiceprint.copies import is_copy
from speakersdk.voiceprint.voiceprint import Voiceprint


def join_voiceprints(known: Voiceprint, new: Voiceprint, *, manifest: ModelManifest) -> Voiceprint:
    """Add the exemplars of a new voiceprint to a stored one of the same speaker.

    Each new exemplar must be similar to the stored voice, as in an enrollment that appends
    recordings. Without calibration the voices are not compared.

    Args:
        known: the stored voiceprint.
        new: the new voiceprint.
        manifest: manifest of the model that made both.

    Raises:
        ConfigError: the names differ.
        IncompatibleModelError: one of them was made with a different model.
        EnrollmentError: the new voiceprint is of another voice, or contains a known recording.
    """
    if known.name != new.name:
        raise ConfigError(
            f"expected two voiceprints of one name, got {known.name!r} and {new.name!r}"
        )
    for voiceprint in (known, new):
        voiceprint.check_made_by(manifest)
    if any(is_copy(added, stored) for added in new.exemplars for stored in known.exemplars):
        raise EnrollmentError(
            f"cannot add to the voiceprint of {known.name!r}: expected different recordings, got "
            "one that is already enrolled; leave it out"
        )
    if manifest.calibration is not None:
        added = [*new.exemplars, *new.adapted]
        speech_s = [*new.speech_s.tolist(), *new.adapted_speech_s.tolist()]
        llrs = llrs_to_known(known, added, speech_s, manifest.calibration)
        if min(llrs) <= OTHER_VOICE_LLR:
            raise EnrollmentError(
                f"cannot add to the voiceprint of {known.name!r}: the new one is not like the "
                f"stored voice (llr {min(llrs):.1f}, expected above {OTHER_VOICE_LLR:g}); if it is "
                f"another person's, choose another name than '{printable(known.name)}', and if "
                "the voice has changed, replace the voiceprint (--replace)"
            )
    return known.with_exemplars(new)


def llrs_to_known(
    known: Voiceprint,
    embeddings: Sequence[Embedding],
    speech_s: Sequence[float],
    calibration: Calibration,
) -> list[float]:
    """Return the LLR of each embedding and a voiceprint that is known to be the speaker's.

    Args:
        known: the voiceprint.
        embeddings: at least one, each (D,) float32; similar ones support each other.
        speech_s: net speech of each in seconds.
        calibration: calibration of the scores.
    """
    pieces = Speech(
        np.stack([*embeddings, known.embedding]), np.array([*speech_s, known.total_speech_s])
    )
    llrs = llrs_to_the_others(pieces, calibration, known=len(embeddings))
    # With several pieces no LLR is None, and the last one is the voiceprint's own.
    return [llr for llr in llrs[:-1] if llr is not None]
