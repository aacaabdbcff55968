"""Decisions on a recording: which of the enrolled speakers is it, if any?

encoding -> check for speech -> score and LLR per voiceprint -> check for one voice -> decisions
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from speakersdk.audio.levels import STEADY_DB
from speakersdk.calibration.calibration import Calibration
from speakersdk.calibration.cohort import Nearness, pairs
from speakersdk.decision.one_voice import SECOND_VOICE_LLR, one_voice_llr
from speakersdk.decision.outcome import Decision, Identification, Verdict
from speakersdk.decision.rule import DecisionRule, speech_shortage
from speakersdk.encoder.interface import Encoding
from speakersdk.errors import AudioTooShortError
from speakersdk.scoring import symmetric_kl_to_many
from speakersdk.voiceprint.copies import is_known
from speakersdk.voiceprint.voiceprint import Voiceprint


def identified(
    voiceprints: Sequence[Voiceprint], probe: Encoding, rule: DecisionRule
) -> Identification:
    """Decide which of the enrolled speakers speaks in a recording, if any.

    Args:
        voiceprints: at least one, of one model and with different names.
        probe: encoding of the recording by the same model.
        rule: thresholds for the probe.
    """
    calibration = rule.calibration
    shortage = _shortage(probe, calibration)
    if shortage is not None:
        return _without_answer(voiceprints[0], rule, *shortage, speech_s=probe.speech_s)
    enrolled = np.stack([voiceprint.embedding for voiceprint in voiceprints])
    divergences = symmetric_kl_to_many(probe.embedding, enrolled).tolist()
    near = calibration.nearness(probe.embedding[np.newaxis])
    [nearness] = pairs(np.stack([at.nearness(calibration) for at in voiceprints]), near)
    cohesion = one_voice_llr(probe.pieces, calibration)

    def decide(voiceprint: Voiceprint, divergence: float, nearness: Nearness) -> Decision:
        decision = rule.decide(
            0.0 - divergence,
            enrolled_speech_s=voiceprint.total_speech_s,
            probe_speech_s=probe.speech_s,
            probe_dbfs=probe.speech_dbfs,
            probe_clipped_share=probe.clipped_share,
            nearness=nearness,
        ).compared_within(cohesion, bound=SECOND_VOICE_LLR)
        if decision.accepted and is_known(probe.embedding, voiceprint):
            return decision.repeated("an enrolled one")
        return decision

    return Identification.from_candidates(
        [
            (voiceprint.name, decide(voiceprint, divergence, of_pair))
            for voiceprint, divergence, of_pair in zip(
                voiceprints, divergences, nearness, strict=True
            )
        ]
    )


def unanswered(
    voiceprint: Voiceprint, error: AudioTooShortError, rule: DecisionRule
) -> Identification:
    """Return a decision without an answer, for a recording that is too short to be encoded."""
    return _without_answer(voiceprint, rule, Verdict.INCONCLUSIVE, str(error), speech_s=0.0)


def _shortage(probe: Encoding, calibration: Calibration) -> tuple[Verdict, str] | None:
    """Return the verdict and the reason for a probe without enough speech; None if it has it."""
    if probe.variation_db is not None and probe.variation_db < STEADY_DB:
        reason = (
            f"a tone or hum, not speech: its level varies by {probe.variation_db:.1f} dB, "
            f"expected {STEADY_DB:g} or more"
        )
        return Verdict.NO_SPEECH, reason
    return speech_shortage(probe.speech_s, probe.duration_s, calibration)


def _without_answer(
    voiceprint: Voiceprint, rule: DecisionRule, verdict: Verdict, reason: str, *, speech_s: float
) -> Identification:
    enrolled_s = voiceprint.total_speech_s
    return Identification.without_answer(
        rule.undecidable(verdict, reason, enrolled_speech_s=enrolled_s, probe_speech_s=speech_s)
    )
