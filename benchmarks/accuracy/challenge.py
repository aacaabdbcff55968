"""Challenge: which recordings pass as six spoken digits, by length, timing and variety?

Digits of six speakers of the free-spoken-digit-dataset are joined with pauses of 0.05 to 0.35 s.
Other recordings are one digit repeated six times, two digits, fourteen digits, and single sentences
of speechocean762 (development split). The bounds were chosen on some of the same digits. Needs the
speech corpora.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.harness import corpora
from benchmarks.harness.measure import Benchmark
from benchmarks.harness.rates import percent
from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.enrollment.challenge import Challenge
from speakersdk_training.data.corpus import by_speaker

PER_SPEAKER = 25
SENTENCES = 200
ASKED = Challenge("739142")


def main() -> int:
    """Measure and report."""
    benchmark = Benchmark(name="challenge", question=(__doc__ or "").splitlines()[0])
    corpora.require()
    per_speaker = 2 if benchmark.smoke else PER_SPEAKER
    sentences = 4 if benchmark.smoke else SENTENCES
    packs, chance = corpora.Packs(), np.random.default_rng(20261129)
    spoken: dict[str, list[Waveform]] = {
        name: [] for name in ("six digits", "one digit, six times", "two digits", "fourteen digits")
    }
    for utterances in by_speaker(corpora.utterances("fsdd", "train")).values():
        words = [packs.samples(utterance) for utterance in utterances]
        for _ in range(per_speaker):
            chosen = [words[at] for at in chance.integers(len(words), size=14)]
            pauses = chance.uniform(0.05, 0.35, size=14).tolist()
            spoken["six digits"].append(joined(chosen[:6], pauses))
            spoken["one digit, six times"].append(joined(chosen[:1] * 6, pauses))
            spoken["two digits"].append(joined(chosen[:2], pauses))
            spoken["fourteen digits"].append(joined(chosen, pauses))
    listed = corpora.utterances("speechocean762", "dev")[:sentences]
    spoken["sentences of any words"] = [packs.samples(utterance) for utterance in listed]
    for name, recordings in spoken.items():
        passed = [ASKED.objection([samples]) is None for samples in recordings]
        benchmark.record(name, {"recordings": len(passed), "passed_percent": percent(passed)})
    benchmark.finish()
    return 0


def joined(words: Sequence[Waveform], pauses_s: Sequence[float]) -> Waveform:
    """Join words with a pause after each."""
    parts: list[Waveform] = []
    for word, pause_s in zip(words, pauses_s, strict=False):
        parts += [word, np.zeros(round(pause_s * SAMPLE_RATE_HZ), np.float32)]
    return np.concatenate(parts)


if __name__ == "__main__":
    raise SystemExit(main())
