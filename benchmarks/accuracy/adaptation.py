"""Adaptation: how much do accepted probes improve a voiceprint, and are impostors added?

The speakers are development speakers of speechocean762, which was not used in training. Each is
enrolled with two utterances. Eight probes of the speaker and eight of strangers are then passed to
`Verifier.adapt`. Enrolled and adapted voiceprints are tested on four further utterances of every
speaker.

Needs the speech corpora.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.harness import corpora
from benchmarks.harness.enrolled import enrolled
from benchmarks.harness.measure import Benchmark
from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.calibration.calibration import Calibration
from speakersdk.metrics import cllr, eer
from speakersdk.scoring import symmetric_kl_to_many
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.voiceprint import Voiceprint
from speakersdk_training.data.corpus import Utterance, by_speaker

CORPUS = ("speechocean762", "dev")
SPEAKERS = 60
ENROLLED, OFFERED, TRIED, LEAST_S = 2, 8, 4, 2.0
FAR = 0.01


def main() -> int:
    """Enroll, adapt and compare."""
    benchmark = Benchmark(name="adaptation", question=(__doc__ or "").splitlines()[0])
    corpora.require()
    verifier = Verifier(far=FAR)
    calibration = verifier.manifest.calibration
    if calibration is None:
        raise SystemExit("expected a calibrated model")
    rng = np.random.default_rng(20261122)
    spoken = dict(recordings(6 if benchmark.smoke else SPEAKERS))
    before, adapted = [], []
    offered: Counter[bool] = Counter()  # probes by whether they are the speaker's own
    added: Counter[bool] = Counter()
    for listed in spoken.values():
        voiceprint = enrolled(verifier, listed[:ENROLLED], "speaker")
        before.append(voiceprint)
        for probe, is_own in offered_probes(listed, spoken, rng):
            result = verifier.adapt(voiceprint, probe, sample_rate_hz=SAMPLE_RATE_HZ)
            voiceprint = result.voiceprint
            offered[is_own] += 1
            added[is_own] += result.is_adapted
        adapted.append(voiceprint)
    benchmark.record("speakers", len(spoken))
    benchmark.record("own probes added, percent", round(100 * added[True] / offered[True], 1))
    benchmark.record("strangers' probes added", f"{added[False]} of {offered[False]}")
    probes = [samples for listed in spoken.values() for samples in listed[-TRIED:]]
    speech_s = np.array(
        [
            verifier.quality([samples], sample_rate_hz=SAMPLE_RATE_HZ)[0].speech_s
            for samples in probes
        ]
    )
    embeddings = np.stack(
        [verifier.embed(samples, sample_rate_hz=SAMPLE_RATE_HZ) for samples in probes]
    )
    for label, voiceprints in (("as enrolled", before), ("as adapted", adapted)):
        benchmark.record(label, figures(voiceprints, embeddings, speech_s, calibration))
    benchmark.finish()
    return 0


def recordings(count: int) -> Iterator[tuple[str, list[Waveform]]]:
    """Yield the needed utterances of the first speakers who have enough."""
    packs = corpora.Packs()
    needed = ENROLLED + OFFERED + TRIED
    for name, listed in by_speaker(corpora.utterances(*CORPUS)).items():
        long: list[Utterance] = [
            at for at in listed if (at.num_samples or 0) >= LEAST_S * SAMPLE_RATE_HZ
        ]
        if len(long) < needed or count == 0:
            continue
        count -= 1
        yield name, [packs.samples(at) for at in long[:needed]]


def offered_probes(
    own: list[Waveform], spoken: dict[str, list[Waveform]], rng: np.random.Generator
) -> Iterator[tuple[Waveform, bool]]:
    """Yield the speaker's own probes, each followed by one of any speaker: samples, is own."""
    names = list(spoken)
    for number in range(ENROLLED, ENROLLED + OFFERED):
        drawn = spoken[names[int(rng.integers(len(names)))]]
        yield own[number], True
        yield drawn[number], drawn is own


def figures(
    voiceprints: list[Voiceprint],
    embeddings: Any,
    speech_s: Any,
    calibration: Calibration,
) -> dict[str, float]:
    """Compute the error rates of all voiceprints on all probes."""
    point = calibration.operating_point(FAR)
    scores, llrs, targets, accepted = [], [], [], []
    for number, voiceprint in enumerate(voiceprints):
        divergences = symmetric_kl_to_many(voiceprint.embedding, embeddings)
        nearness = calibration.pair_nearness(embeddings, voiceprint.embedding)
        for place, divergence in enumerate(divergences.tolist()):
            if speech_s[place] < calibration.minimum_speech_s:
                continue
            sides = (voiceprint.total_speech_s, float(speech_s[place]))
            llr = calibration.llr(-divergence, enrolled_speech_s=sides[0], probe_speech_s=sides[1])
            scores.append(-divergence)
            llrs.append(llr)
            targets.append(place // TRIED == number)
            comparable_s = calibration.comparable_speech_s(*sides)
            accepted.append(llr >= point.threshold(comparable_s, nearness[place]))
    is_target, is_accepted = np.array(targets), np.array(accepted)
    return {
        "target_trials": int(is_target.sum()),
        "nontarget_trials": int((~is_target).sum()),
        "eer_percent": round(100 * eer(scores, targets), 2),
        "cllr": round(cllr(llrs, targets), 4),
        "far_percent": round(100 * float(is_accepted[~is_target].mean()), 2),
        "frr_percent": round(100 * float((~is_accepted)[is_target].mean()), 2),
    }


if __name__ == "__main__":
    raise SystemExit(main())
