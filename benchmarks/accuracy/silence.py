"""Silence: do zeros and hiss after speech change decisions?

Development speakers of speechocean762: 6 s for enrollment, a probe of 4 s, and every probe with
every voiceprint at a false-accept rate of 1 %. Then the same with zeros or hiss after the speech of
both sides, or only of the probe. Needs the speech corpora.

`python -m benchmarks.harness.figure_tables` writes the result to docs/accuracy.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.harness import corpora
from benchmarks.harness.enrolled import enrolled
from benchmarks.harness.measure import Benchmark
from speakersdk import Verifier
from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.decision.outcome import Verdict
from speakersdk_training.data.corpus import by_speaker

FAR = 0.01
ENROLL_S, PROBE_S = 6.0, 4.0
SPEAKERS = 45
SILENCE_S = (10, 30, 120)
Fill = Callable[[int], Waveform]


def zeros(num_samples: int) -> Waveform:
    """Return digital silence."""
    return np.zeros(num_samples, np.float32)


def hiss(dbfs: float) -> Fill:
    """Return a function that makes white noise at a level."""

    def fill(num_samples: int) -> Waveform:
        noise = np.random.default_rng(20261128).standard_normal(num_samples, np.float32)
        return noise * np.float32(10 ** (dbfs / 20))

    return fill


FILLS: dict[str, Fill] = {
    "zeros": zeros,
    "hiss at -60 dBFS": hiss(-60),
    "hiss at -50 dBFS": hiss(-50),
}


def main() -> int:
    """Measure and report."""
    benchmark = Benchmark(name="silence", question=(__doc__ or "").splitlines()[0])
    corpora.require()
    verifier = Verifier(far=FAR)
    benchmark.record("model", verifier.manifest.name)
    speech = recordings(6 if benchmark.smoke else SPEAKERS)
    benchmark.record("speakers", len(speech))
    benchmark.record("none", figures(verifier, speech, zeros, 0, both=True))
    for name, fill in FILLS.items():
        for seconds in SILENCE_S[: 1 if benchmark.smoke else None]:
            for sides, both in (("both sides", True), ("the probe", False)):
                row = figures(verifier, speech, fill, seconds, both=both)
                benchmark.record(f"{seconds} s of {name} behind {sides}", row)
    benchmark.finish()
    return 0


def recordings(count: int) -> list[tuple[Waveform, Waveform]]:
    """Read the enrollment recording and the probe of each speaker."""
    packs = corpora.Packs()
    made = []
    for listed in by_speaker(corpora.utterances("speechocean762", "dev")).values():
        samples = np.concatenate([packs.samples(utterance) for utterance in listed])
        first, last = (round(at * SAMPLE_RATE_HZ) for at in (ENROLL_S, ENROLL_S + PROBE_S))
        if len(samples) >= last:
            made.append((samples[:first], samples[first:last]))
        if len(made) == count:
            break
    return made


def figures(
    verifier: Verifier,
    speech: list[tuple[Waveform, Waveform]],
    fill: Fill,
    seconds: int,
    *,
    both: bool,
) -> dict[str, Any]:
    """Return the percentages of accepted strangers and not accepted owners with silence."""
    silence = fill(round(seconds * SAMPLE_RATE_HZ))
    nothing = zeros(0)
    voiceprints = [
        enrolled(
            verifier, [np.concatenate([samples, silence if both else nothing])], name_of(number)
        )
        for number, (samples, _) in enumerate(speech)
    ]
    owners, strangers = [], []
    for number, (_, probe) in enumerate(speech):
        padded = np.concatenate([probe, silence])
        answer = verifier.identify(voiceprints, padded, sample_rate_hz=SAMPLE_RATE_HZ)
        decisions = dict(answer.ranking)
        for voiceprint in voiceprints:
            decision = decisions.get(voiceprint.name, answer.decision)
            side = owners if voiceprint.name == name_of(number) else strangers
            side.append(decision.verdict is Verdict.ACCEPT)
    return {
        "strangers_accepted_percent": round(100 * float(np.mean(strangers)), 2),
        "owners_not_accepted_percent": round(100 * (1 - float(np.mean(owners))), 2),
        "owners": len(owners),
        "strangers": len(strangers),
    }


def name_of(number: int) -> str:
    """Return the name of a speaker's voiceprint."""
    return f"speaker {number}"


if __name__ == "__main__":
    raise SystemExit(main())
