"""Decisions on a recording: which of the enrolled speakers is it, if any?

encoding -> check for speech -> score and llr per voiceprint -> check for one voice -> decisions
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from speakersdk.audio.levels import STEADY_DB
from speakersdk.calibration.cohort import pairs
from speakersdk.decision.one_voice import SECOND_VOICE_LLR
from speakersdk.decision.outcome import Identification, Verdict
from speakersdk.decision.rule import DecisionRule, speech_shortage
from speakersdk.encoder.interface import Encoding
from speakersdk.enrollment.measure import one_voice_llr
from speakersdk.enrollment.repetition import is_known
from speakersdk.errors import AudioTooShortError
from speakersdk.scoring import symmetric_kl_to_many
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
    speech_s = probe.speech_s
    shortage = speech_shortage(speech_s, probe.duration_s, rule.calibration)
    if probe.variation_db is not None and probe.variation_db < STEADY_DB:
        reason = (
            f"a tone or hum, not speech: its level varies by {probe.variation_db:.1f} dB, "
            f"expected {STEADY_DB:g} or more"
        )
        shortage = Verdict.NO_SPEECH, reason
    if shortage is not None:
        enrolled_s = voiceprints[0].total_speech_s
        return Identification.without_answer(
            rule.undecidable(*shortage, enrolled_speech_s=enrolled_s, probe_speech_s=speech_s)
        )
    enrolled = np.stack([voiceprint.embedding for voiceprint in voiceprints])
    divergences = symmetric_kl_to_many(probe.embedding, enrolled).tolist()
    near = rule.calibration.nearness(probe.embedding[np.newaxis])
    [nearness] = pairs(np.stack([at.nearness(rule.calibration) for at in voiceprints]), near)
    cohesion = one_voice_llr(probe, rule.calibration)
    decisions = [
        rule.decide(
            0.0 - divergence,
            enrolled_speech_s=at.total_speech_s,
            probe_speech_s=speech_s,
            probe_dbfs=probe.speech_dbfs,
            probe_clipped_share=probe.clipped_share,
            nearness=of_pair,
        ).compared_within(cohesion, bound=SECOND_VOICE_LLR)
        for at, divergence, of_pair in zip(voiceprints, divergences, nearness, strict=True)
    ]
    decisions = [
        decision.repeated("an enrolled one")
        if decision.accepted and is_known(probe.embedding, at)
        else decision
        for at, decision in zip(voiceprints, decisions, strict=True)
    ]
    names = [voiceprint.name for voiceprint in voiceprints]
    return Identification.from_candidates(list(zip(names, decisions, strict=True)))


def unanswered(
    voiceprint: Voiceprint, error: AudioTooShortError, rule: DecisionRule
) -> Identification:
    """Return a decision without an answer, for a recording that is too short to be encoded."""
    decision = rule.undecidable(
        Verdict.INCONCLUSIVE,
        str(error),
        enrolled_speech_s=voiceprint.total_speech_s,
        probe_speech_s=0.0,
    )
    return Identification.without_answer(decision)
