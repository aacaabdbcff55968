"""Scorer: pairs per second of the C++ kernel beside NumPy, side by side in one run."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from _harness import Benchmark
from speakersdk.scoring import symmetric_kl, symmetric_kl_matrix, symmetric_kl_to_many

DIM = 256  # of the bundled model
TEMPERATURE = 8.0
NUM_VOICEPRINTS = 10_000
NUM_PROBES = 100


def numpy_to_many(
    probe: npt.NDArray[np.float32], voiceprints: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """J by its difference form in NumPy, float64: (num,)."""
    p, q = softmax(probe[np.newaxis]), softmax(voiceprints)
    difference: npt.NDArray[np.float64] = (p - q) * (probe.astype(np.float64) - voiceprints)
    return difference.sum(axis=1)


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Rows of probabilities."""
    exponentials = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def main() -> int:
    """Measure one pair, one against N, and N against M."""
    benchmark = Benchmark(
        name="scorer",
        question=f"How many pairs of {DIM}-dimensional embeddings are scored in a second?",
    )
    rng = np.random.default_rng(0)
    voiceprints = rng.standard_normal((NUM_VOICEPRINTS, DIM)).astype(np.float32)
    voiceprints *= TEMPERATURE / np.linalg.norm(voiceprints, axis=1, keepdims=True)
    probes = voiceprints[:NUM_PROBES].copy()
    probe = probes[0]

    benchmark.measure("one pair", lambda: symmetric_kl(probe, voiceprints[1]), work=1, unit="pair")
    benchmark.measure(
        f"1 : {NUM_VOICEPRINTS}, C++",
        lambda: symmetric_kl_to_many(probe, voiceprints),
        work=NUM_VOICEPRINTS,
        unit="pair",
    )
    benchmark.measure(
        f"1 : {NUM_VOICEPRINTS}, NumPy float64",
        lambda: numpy_to_many(probe, voiceprints),
        work=NUM_VOICEPRINTS,
        unit="pair",
    )
    benchmark.measure(
        f"{NUM_PROBES} : {NUM_VOICEPRINTS}, C++",
        lambda: symmetric_kl_matrix(probes, voiceprints),
        work=NUM_PROBES * NUM_VOICEPRINTS,
        unit="pair",
    )
    reference = numpy_to_many(probe, voiceprints)
    error = np.abs(symmetric_kl_to_many(probe, voiceprints) - reference)
    benchmark.record("largest difference from NumPy float64", float(error.max()))
    benchmark.finish()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
