"""Calibration profiles: does a refit on a few speakers help others on the same device?

A device is simulated (8 kHz and hiss at 5 dB) or not. Profiles are fitted on random small subsets
of one half of the development speakers of speechocean762 and tested on the others. The original
calibration was fitted on clean recordings of all these speakers; without a simulated device, a
profile can at most match it.

Needs the speech corpora.
"""

from __future__ import annotations

import numpy as np
import soxr

from benchmarks.harness import corpora
from benchmarks.harness.measure import Benchmark
from benchmarks.harness.trial_pairs import bundled_encoder
from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.calibration.calibration import Calibration
from speakersdk.encoder.interface import Encoding
from speakersdk.metrics import min_cllr
from speakersdk.recalibration.refit import OwnTrials, error_rates, own_trials, refit
from speakersdk_training.data.corpus import by_speaker

CORPUS = ("speechocean762", "dev")
RECORDINGS, LEAST_S = 4, 2.5  # per speaker
SPEAKERS = (3, 6, 12, 30)
DRAWS = 20
FAR = 0.01
HISS_DB = 5


def main() -> int:
    """Fit profiles, test them and report."""
    benchmark = Benchmark(name="calibration-profiles", question=(__doc__ or "").splitlines()[0])
    encoder, calibration = bundled_encoder()
    spoken = recordings(20 if benchmark.smoke else None)
    for device, is_spoiled in (("8 kHz and hiss", True), ("as recorded", False)):
        rng = np.random.default_rng(20261122)
        encodings = {
            name: [encoder.encode(spoiled(at, rng) if is_spoiled else at) for at in listed]
            for name, listed in spoken.items()
        }
        names = sorted(encodings)
        fitted_on, tried_on = names[::2], names[1::2]
        trials = own_trials({name: encodings[name] for name in tried_on}, calibration)
        benchmark.record(f"{device}, minCllr", round(min_cllr(trials.llrs, trials.targets), 4))
        benchmark.record(f"{device}, the model's calibration", rates(trials, calibration, 0.0, 1.0))
        for count in SPEAKERS:
            drawn = [
                fit(encodings, rng.permutation(fitted_on)[:count], calibration)
                for _ in range(1 if benchmark.smoke else DRAWS)
            ]
            kept = [weights for weights in drawn if weights]
            if not kept:
                benchmark.record(f"{device}, {count} speakers", {"refused": len(drawn)})
                continue
            results = [rates(trials, calibration, *weights) for weights in kept]
            benchmark.record(
                f"{device}, {count} speakers",
                {
                    "refused": len(drawn) - len(kept),
                    "offset": round(float(np.mean([offset for offset, _ in kept])), 2),
                    "scale": round(float(np.mean([scale for _, scale in kept])), 2),
                    **{
                        name: round(float(np.mean([result[name] for result in results])), 4)
                        for name in results[0]
                    },
                    "worst_cllr": max(result["cllr"] for result in results),
                },
            )
    benchmark.finish()
    return 0


def recordings(most: int | None) -> dict[str, list[Waveform]]:
    """Read the first long utterances of each of the first `most` speakers."""
    packs = corpora.Packs()
    spoken: dict[str, list[Waveform]] = {}
    for name, listed in by_speaker(corpora.utterances(*CORPUS)).items():
        if len(spoken) == most:
            break
        long = [at for at in listed if (at.num_samples or 0) >= LEAST_S * SAMPLE_RATE_HZ]
        if len(long) < RECORDINGS:
            continue
        spoken[name] = [packs.samples(at) for at in long[:RECORDINGS]]
    return spoken


def spoiled(samples: Waveform, rng: np.random.Generator) -> Waveform:
    """Simulate a recording by the device."""
    narrow = soxr.resample(soxr.resample(samples, SAMPLE_RATE_HZ, 8000), 8000, SAMPLE_RATE_HZ)
    rms = float(np.sqrt(np.mean(narrow**2)))
    return narrow + rng.normal(0, rms * 10 ** (-HISS_DB / 20), len(narrow)).astype(np.float32)


def fit(
    encodings: dict[str, list[Encoding]], names: list[str], calibration: Calibration
) -> tuple[float, float] | None:
    """Return offset and scale of a refit; None if it is no better than the original."""
    trials = own_trials({name: encodings[name] for name in names}, calibration)
    fitted = refit(trials, calibration, far=FAR)
    return (fitted.offset, fitted.scale) if fitted.is_better else None


def rates(
    trials: OwnTrials, calibration: Calibration, offset: float, scale: float
) -> dict[str, float]:
    """Compute Cllr, and error rates at the thresholds of the requested rate."""
    found = error_rates(offset + scale * trials.llrs, trials, calibration, FAR)
    return {
        "cllr": round(found.cllr, 4),
        "far_percent": round(100 * found.far, 2),
        "frr_percent": round(100 * found.frr, 2),
    }


if __name__ == "__main__":
    raise SystemExit(main())
