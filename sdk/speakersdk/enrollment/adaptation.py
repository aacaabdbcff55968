"""Adaptation: a voiceprint follows its speaker's voice by probes that were accepted for certain.

probe -> against what was enrolled, at the strictest error rate -> good audio -> adapted exemplar
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from speakersdk.arrays import Embedding
from speakersdk.calibration.calibration import Calibration
from speakersdk.decision.outcome import Decision
from speakersdk.enrollment.measure import RecordingQuality
from speakersdk.enrollment.repetition import is_copy
from speakersdk.voiceprint.life import utc_now
from speakersdk.voiceprint.voiceprint import Voiceprint

# A probe with less speech says too little of the voice to become part of the voiceprint.
LEAST_SPEECH_S: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """What became of a voiceprint.

    Attributes:
        voiceprint: the new one, or the given one.
        is_adapted: whether it is a new one.
        reason: one sentence for people.
        decision: about the probe and what was enrolled, without adapted exemplars. An impostor who
            was accepted once therefore cannot bring in another.
        verification: about the probe and the voiceprint as it was given, as `Verifier.verify`
            decides.
    """

    voiceprint: Voiceprint
    is_adapted: bool
    reason: str
    decision: Decision
    verification: Decision


def adapt(
    voiceprint: Voiceprint,
    embedding: Embedding,
    quality: RecordingQuality,
    decision: Decision,
    verification: Decision,
    calibration: Calibration,
) -> Adaptation:
    """See `speakersdk.verifier.Verifier.adapt`.

    Args:
        voiceprint: to adapt.
        embedding, quality: of the probe.
        decision, verification: about the probe and `voiceprint.reverted()`, and the voiceprint.
        calibration: whose strictest operating point the probe must reach.
    """
    objection = _objection(voiceprint, embedding, quality, decision, calibration)
    known = (*voiceprint.exemplars, *voiceprint.adapted)
    if objection is None and any(is_copy(embedding, row) for row in known):
        objection = "not adapted: this recording is part of the voiceprint already"
    if objection is not None:
        return Adaptation(
            voiceprint=voiceprint,
            is_adapted=False,
            reason=objection,
            decision=decision,
            verification=verification,
        )
    adapted = voiceprint.adapted_by(embedding, speech_s=quality.speech_s, at_utc=utc_now())
    return Adaptation(
        voiceprint=adapted,
        is_adapted=True,
        reason=f"adapted by {quality.speech_s:.1f} s of speech",
        decision=decision,
        verification=verification,
    )


def unchanged(voiceprint: Voiceprint, decision: Decision) -> Adaptation:
    """A voiceprint whose probe gave no answer."""
    return Adaptation(
        voiceprint=voiceprint,
        is_adapted=False,
        reason=f"not adapted: {decision.reason}",
        decision=decision,
        verification=decision,
    )


def _objection(
    voiceprint: Voiceprint,
    embedding: Embedding,
    quality: RecordingQuality,
    decision: Decision,
    calibration: Calibration,
) -> str | None:
    """Why a probe must not change a voiceprint."""
    if not decision.accepted or decision.llr is None:
        return f"not adapted: {decision.reason}"
    if not calibration.operating_points:
        return "not adapted: the calibration supports no error rate"
    strictest = calibration.operating_points[-1]
    speech_s = calibration.comparable_speech_s(voiceprint.total_speech_s, decision.speech_s)
    enrolled = voiceprint.reverted().embedding
    [nearness] = calibration.pair_nearness(enrolled[np.newaxis], embedding)
    needed_llr = strictest.threshold(speech_s, nearness)
    if decision.llr < needed_llr:
        return (
            f"not adapted: llr {decision.llr:+.2f}, expected {needed_llr:+.2f} or more, the "
            f"threshold of a false-accept rate of {strictest.far:g}"
        )
    if quality.speech_s < LEAST_SPEECH_S:
        return (
            f"not adapted: {quality.speech_s:.1f} s of speech, expected {LEAST_SPEECH_S:g} s or "
            "more"
        )
    if quality.problems:
        return f"not adapted: {quality.finding(quality.problems[0])}"
    return None
