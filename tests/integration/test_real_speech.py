"""Recordings of real readers get the right decisions at the bundled thresholds.

Three LibriSpeech readers that no model of this project was trained on. Each is enrolled with two
clips; every other clip is compared with all three.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.decision.outcome import Verdict
from speakersdk.verifier import Verifier

pytestmark = pytest.mark.speech

READERS = ("librispeech/19", "librispeech/26", "librispeech/27")
# Clips of a few words would be answered INCONCLUSIVE, which other tests cover.
MINIMUM_S = 3.0
ENROLLMENT_CLIPS = 2
PROBES_PER_READER = 25
# Decisions of the bundled model at far = 0.01: (is the reader the enrolled one, verdict) -> count.
# Any other count means that the model, its calibration or the path to a decision has changed.
EXPECTED = {
    (True, Verdict.ACCEPT): 75,
    (False, Verdict.REJECT): 150,
}


def distinct(utterances: list[Any]) -> list[Any]:
    """Return each recording once. The packs contain some twice, with exactly the same length."""
    return list({utterance.num_samples: utterance for utterance in reversed(utterances)}.values())[
        ::-1
    ]


def test_readers_are_distinguished(speech_data: Any) -> None:
    verifier = Verifier()
    clips = {
        reader: [
            speech_data.samples(utterance)
            for utterance in distinct(
                speech_data.utterances(
                    corpus="librispeech", split="demo", speaker=reader, minimum_s=MINIMUM_S
                )
            )[: ENROLLMENT_CLIPS + PROBES_PER_READER]
        ]
        for reader in READERS
    }
    voiceprints = [
        verifier.enroll(
            clips[reader][:ENROLLMENT_CLIPS],
            name=reader.split("/")[1],
            sample_rate_hz=SAMPLE_RATE_HZ,
        )
        for reader in READERS
    ]
    counts: Counter[tuple[bool, Verdict]] = Counter()
    for reader in READERS:
        for samples in clips[reader][ENROLLMENT_CLIPS:]:
            # The ranking contains the decision that verify would give for each voiceprint.
            found = verifier.identify(voiceprints, samples, sample_rate_hz=SAMPLE_RATE_HZ)
            counts.update(
                (name == reader.split("/")[1], decision.verdict) for name, decision in found.ranking
            )
    assert counts == EXPECTED
