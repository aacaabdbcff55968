"""Rotation: what is the cost of a secret rotation of embeddings, and what does it hide?

Segments of 3 s of speechocean762 (development split), all pairs of them: the equal error rate and
the symmetric KL divergence J without rotation, in rotated space, and with restored embeddings. Then
two stores of the same speakers with different keys are linked by scores, and a rotation is undone
by known pairs of an embedding and its rotation. Needs the speech corpora.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import corpora
from benchmarks.harness.measure import Benchmark
from benchmarks.harness.trial_pairs import Encodings, bundled_encoder, read_length, speaker_names
from speakersdk.arrays import Embeddings
from speakersdk.metrics import eer
from speakersdk.scoring import symmetric_kl_matrix
from speakersdk.voiceprint.rotation import Rotation

LENGTH_S = 3.0
PER_SPEAKER = 8
Floats = npt.NDArray[np.float64]


def main() -> int:
    """Measure and report."""
    benchmark = Benchmark(name="rotation", question=(__doc__ or "").splitlines()[0])
    corpora.require()
    segments = read_length(LENGTH_S, per_speaker=PER_SPEAKER)
    if benchmark.smoke:
        segments = segments[: 4 * PER_SPEAKER]
    encoder, _ = bundled_encoder()
    encodings = Encodings(
        encoder.encode,
        sha256=encoder.manifest.weights_sha256,
        names=speaker_names([segments]),
    )
    side = encodings.side(segments)
    rows, speakers = side.embeddings, side.speakers
    first, second = (Rotation(bytes(31) + bytes([key]), rows.shape[1]) for key in (1, 2))
    is_same = speakers[:, np.newaxis] == speakers
    exact = symmetric_kl_matrix(rows, rows)
    is_pair = exact > 0  # not a segment with itself, or two with the same audio

    def compared(turned: Embeddings) -> dict[str, Any]:
        divergences = symmetric_kl_matrix(turned, turned)
        relative = np.abs(divergences - exact)[is_pair] / exact[is_pair]
        return {
            "eer_percent": percent(-divergences, is_same, is_pair),
            "largest_difference_nats": float(np.abs(divergences - exact).max()),
            "median_difference_percent": float(100 * np.median(relative)),
        }

    benchmark.record("segments", len(rows))
    benchmark.record("speakers", len(set(speakers.tolist())))
    benchmark.record("model", encoder.manifest.weights_sha256[:12])
    benchmark.record("without rotation", compared(rows))
    benchmark.record("scored in rotated space", compared(first.rotate(rows)))
    benchmark.record("restored, then scored", compared(first.restore(first.rotate(rows))))
    linked = symmetric_kl_matrix(first.rotate(rows), second.rotate(rows))
    benchmark.record("two stores linked", {"eer_percent": percent(-linked, is_same, is_pair)})
    for num in (16, 64, 256):
        if num < len(rows):
            benchmark.record(f"undone by {num} known pairs", undone(first, rows, num))
    benchmark.measure("rotate one embedding", lambda: first.rotate(rows[0]))
    benchmark.finish()
    return 0


def percent(scores: Floats, is_same: npt.NDArray[Any], is_pair: npt.NDArray[Any]) -> float:
    """Compute the equal error rate of the pairs in percent."""
    return round(100 * float(eer(scores[is_pair], is_same[is_pair])), 2)


def undone(rotation: Rotation, rows: Embeddings, num: int) -> dict[str, float]:
    """Measure the gain of an attacker who knows the first rows and their rotations.

    The rotation is estimated by the orthogonal Procrustes problem (P. Schoenemann, 1966).
    """
    known, others = rows[:num].astype(np.float64), rows[num:]
    left, _, right = np.linalg.svd(known.T @ rotation.rotate(known))
    restored = rotation.rotate(others) @ (left @ right).T
    cosine = (restored * others).sum(axis=1) / (others * others).sum(axis=1)
    return {"mean_cosine_to_the_original": round(float(cosine.mean()), 3)}


if __name__ == "__main__":
    raise SystemExit(main())
