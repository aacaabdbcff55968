"""Low sample rates of a probe: how often is the enrolled speaker rejected for them?

    python -m benchmarks.voices.sample_rates

The speakers of `benchmarks.voices.second_voice`, 5 s for enrollment at 16 kHz and 5 s as a probe,
which is resampled to the rate. Another speaker's probe shows the false accepts. Needs the speech
corpora.
"""

from __future__ import annotations

import soxr

from benchmarks.harness.measure import Benchmark
from benchmarks.harness.rates import percent
from benchmarks.harness.trial_pairs import HELD_OUT, bundled_encoder
from benchmarks.voices.second_voice import ENROLL_S, Speaker, enrolled, read_speakers
from speakersdk.arrays import Waveform
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.decision.outcome import Verdict
from speakersdk.decision.rule import Request
from speakersdk.encoder.interface import SpeakerEncoder
from speakersdk.verification import identified
from speakersdk.voiceprint.voiceprint import Voiceprint

RATES_HZ = (16000, 8000, 6000, 5512, 5000, 4000)
_SPEAKERS = 8  # of a corpus


def main() -> int:
    """Measure and write the result."""
    benchmark = Benchmark(name="sample-rates", question=(__doc__ or "").splitlines()[0])
    encoder, _ = bundled_encoder()
    speakers = read_speakers(encoder, HELD_OUT, 2 if benchmark.smoke else _SPEAKERS)
    voiceprints = [enrolled(encoder, speaker) for speaker in speakers]
    benchmark.record("model", encoder.manifest.name)
    benchmark.record("speakers", len(speakers))
    for rate_hz in RATES_HZ:
        probes = [probe(speaker, rate_hz) for speaker in speakers]
        own = [verdict(encoder, *pair) for pair in zip(voiceprints, probes, strict=True)]
        others = [
            verdict(encoder, *pair)
            for pair in zip(voiceprints, probes[1:] + probes[:1], strict=True)
        ]
        benchmark.record(
            f"{rate_hz} Hz",
            {
                "own_rejected_percent": percent([at is Verdict.REJECT for at in own]),
                "others_accepted_percent": percent([at is Verdict.ACCEPT for at in others]),
            },
        )
    benchmark.finish()
    return 0


def probe(speaker: Speaker, rate_hz: int) -> Waveform:
    """Return the start of the probe with the band of the rate."""
    samples = speaker.probe[: round(ENROLL_S * SAMPLE_RATE_HZ)]
    if rate_hz == SAMPLE_RATE_HZ:
        return samples
    return soxr.resample(soxr.resample(samples, SAMPLE_RATE_HZ, rate_hz), rate_hz, SAMPLE_RATE_HZ)


def verdict(encoder: SpeakerEncoder, voiceprint: Voiceprint, samples: Waveform) -> Verdict:
    """Verify a probe at the default rate."""
    rule = Request().model_rule(encoder.manifest.calibration, encoder.manifest.name)
    return identified([voiceprint], encoder.encode(samples), rule).decision.verdict


if __name__ == "__main__":
    raise SystemExit(main())
