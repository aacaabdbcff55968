"""Segments joined into voices."""

from __future__ import annotations

import numpy as np

from speakersdk.arrays import scaled
from speakersdk.decision.one_voice import Speech
from speakersdk.diarization.clustering import cluster, llr_matrix
from speakersdk.scoring import symmetric_kl
from speakersdk.verifier import Verifier


def near(center: np.ndarray, rng: np.random.Generator, length: float) -> np.ndarray:
    return scaled(center + 0.05 * np.linalg.norm(center) * rng.standard_normal(len(center))
                  / np.sqrt(len(center)), length)  # fmt: skip


def test_groups_are_found_and_numbered_by_their_first_piece(
    verifier: Verifier, rng: np.random.Generator
) -> None:
    manifest = verifier.manifest
    assert manifest.calibration is not None
    voices = [rng.standard_normal(manifest.embedding_dim) for _ in range(3)]
    order = [2, 0, 0, 1, 2, 1, 0, 2]
    speech = Speech(
        np.stack([near(voices[voice], rng, manifest.temperature) for voice in order]),
        np.full(len(order), 3.0),
    )
    labels = cluster(speech, manifest.calibration)
    assert labels.tolist() == [0, 1, 1, 2, 0, 2, 1, 0]
    one = Speech(speech.embeddings[:1], speech.speech_s[:1])
    assert cluster(one, manifest.calibration).tolist() == [0]


def test_the_matrix_has_the_llr_of_each_pair(verifier: Verifier, rng: np.random.Generator) -> None:
    manifest = verifier.manifest
    calibration = manifest.calibration
    assert calibration is not None
    rows = np.stack(
        [scaled(rng.standard_normal(manifest.embedding_dim), manifest.temperature)
         for _ in range(5)]
    )  # fmt: skip
    seconds = np.array([0.5, 1.0, 2.0, 4.0, 8.0])
    llrs = llr_matrix(rows[:2], seconds[:2], Speech(rows[2:], seconds[2:]), calibration)
    for a in range(2):
        for b in range(3):
            expected = calibration.llr(
                -symmetric_kl(rows[a], rows[2 + b]),
                enrolled_speech_s=seconds[2 + b],
                probe_speech_s=seconds[a],
            )
            assert np.isclose(llrs[a, b], expected, rtol=1e-6, atol=1e-6)
