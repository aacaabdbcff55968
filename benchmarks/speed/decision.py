"""A decision: nearness to the cohort, threshold and verdict of a probe that is already encoded.

"Nearness of a pair" computes both sides, as the first decision with a voiceprint does. Later ones
compute only that of the probe. The check for a second voice is measured separately: it compares
parts of the probe, whatever the number of voiceprints.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.harness.measure import Benchmark
from speakersdk import Verifier
from speakersdk.audio.waveform import read_audio
from speakersdk.decision.one_voice import one_voice_llr
from speakersdk.decision.rule import Request
from speakersdk.demo_clips import FOLDER as CLIPS
from speakersdk.encoder.load import load_encoder
from speakersdk.models import default_model_path
from speakersdk.verification import identified

CANDIDATES = 100


def main() -> int:
    """Measure decisions about one and many voiceprints, and their parts."""
    benchmark = Benchmark(name="decision", question="What does a decision cost after the encoder?")
    verifier = Verifier(num_threads=benchmark.threads)
    enrolled = verifier.enroll(sorted(CLIPS.glob("slt-enroll-*.flac")), name="slt")
    encoder = load_encoder(default_model_path())
    spoken = encoder.encode(read_audio(CLIPS / "slt-probe.flac"))
    probe = replace(spoken, pieces=None)
    rule = Request().model_rule(encoder.manifest.calibration, encoder.manifest.name)
    calibration = rule.calibration
    sides = enrolled.embedding[np.newaxis], probe.embedding
    [nearness] = calibration.pair_nearness(*sides)
    many = [replace(enrolled, name=f"candidate {number}") for number in range(CANDIDATES)]
    benchmark.measure("nearness of a pair", lambda: calibration.pair_nearness(*sides))
    benchmark.measure(
        "threshold and verdict",
        lambda: rule.decide(
            -0.01,
            enrolled_speech_s=enrolled.total_speech_s,
            probe_speech_s=probe.speech_s,
            probe_dbfs=probe.speech_dbfs,
            probe_clipped_share=probe.clipped_share,
            nearness=nearness,
        ),
    )
    benchmark.measure("decision, one voiceprint", lambda: identified([enrolled], probe, rule))
    benchmark.measure(
        f"decision, {CANDIDATES} voiceprints",
        lambda: identified(many, probe, rule),
        work=CANDIDATES,
        unit="voiceprint",
    )
    benchmark.measure("check for a second voice", lambda: one_voice_llr(spoken.pieces, calibration))
    benchmark.record("probe_speech_s", round(probe.speech_s, 2))
    benchmark.finish()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
