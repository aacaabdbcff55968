"""Adaptation: a voiceprint follows the changes of its speaker's voice.

probe -> comparison with the enrolled exemplars at the strictest error rate -> check of the audio ->
one more exemplar, which does not count in later adaptations
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from speakersdk.arrays import Embedding
from speakersdk.calibration.calibration import Calibration
from speakersdk.decision.outcome import Decision
from speakersdk.enrollment.measure import RecordingQuality
from speakersdk.voiceprint.copies import is_known
from speakersdk.voiceprint.life import utc_now
from speakersdk.voiceprint.voiceprint import Voiceprint

# A probe with less speech does not represent the voice well enough to become part of the
# voiceprint.
LEAST_SPEECH_S: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """The result of an adaptation.

    Attributes:
        voiceprint: the adapted voiceprint, or the given one if it was not adapted.
        is_adapted: whether the voiceprint was adapted.
        reason: one sentence that explains the result.
        decision: decision on the probe against the enrolled exemplars only. Adapted exemplars do
            not count so that an impostor who was accepted once cannot bring in another.
        verification: decision on the probe against the whole given voiceprint, as in a
            verification.
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
    """Add a probe to a voiceprint if it is certainly the speaker's and its audio is good.

    Args:
        voiceprint: the voiceprint to adapt.
        embedding, quality: embedding and quality of the probe.
        decision: decision on the probe against `voiceprint.reverted()`.
        verification: decision on the probe against `voiceprint`.
        calibration: the probe must reach its strictest operating point.
    """
    objection = _objection(voiceprint, embedding, quality, decision, calibration)
    if objection is None:
        voiceprint = voiceprint.adapted_by(embedding, speech_s=quality.speech_s, at_utc=utc_now())
        reason = f"adapted by {quality.speech_s:.1f} s of speech"
    else:
        reason = f"not adapted: {objection}"
    return Adaptation(
        voiceprint=voiceprint,
        is_adapted=objection is None,
        reason=reason,
        decision=decision,
        verification=verification,
    )


def unchanged(voiceprint: Voiceprint, decision: Decision) -> Adaptation:
    """Return the unchanged voiceprint for a probe without a usable answer."""
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
    """Return why a probe must not change a voiceprint; None if it may."""
    if not decision.accepted or decision.llr is None:
        return decision.reason
    if not calibration.operating_points:
        return "the calibration supports no error rate"
    strictest = calibration.operating_points[-1]
    speech_s = calibration.comparable_speech_s(voiceprint.total_speech_s, decision.speech_s)
    enrolled = voiceprint.reverted().embedding
    [nearness] = calibration.pair_nearness(enrolled[np.newaxis], embedding)
    needed_llr = strictest.threshold(speech_s, nearness)
    if decision.llr < needed_llr:
        return (
            f"llr {decision.llr:+.2f}, expected {needed_llr:+.2f} or more, the "
            f"threshold of a false-accept rate of {strictest.far:g}"
        )
    if quality.speech_s < LEAST_SPEECH_S:
        return f"{quality.speech_s:.1f} s of speech, expected {LEAST_SPEECH_S:g} s or more"
    if quality.problems:
        return quality.finding(quality.problems[0])
    if is_known(embedding, voiceprint):
        return "this recording is already part of the voiceprint"
    return None
