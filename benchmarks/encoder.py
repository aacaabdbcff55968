"""Encoder: seconds of audio that the bundled model encodes per second on one thread."""

from __future__ import annotations

import numpy as np

from _harness import Benchmark
from speakersdk.audio.waveform import SAMPLE_RATE_HZ, read_audio
from speakersdk.demo_clips import FOLDER
from speakersdk.encoder.load import load_encoder
from speakersdk.models import default_model_path

LENGTHS_S = (1.0, 3.0, 10.0)


def main() -> int:
    """Measure whole recordings and a stream."""
    benchmark = Benchmark(
        name="encoder",
        question="How many seconds of speech does the bundled model encode in a second?",
    )
    encoder = load_encoder(default_model_path(), num_threads=benchmark.threads)
    speech = np.concatenate([read_audio(path) for path in sorted(FOLDER.glob("*.flac"))])
    benchmark.record("model", encoder.manifest.name)
    for length_s in LENGTHS_S:
        samples = speech[: round(length_s * SAMPLE_RATE_HZ)]
        timing = benchmark.measure(
            f"whole, {length_s:g} s",
            lambda samples=samples: encoder.encode(samples),
            work=length_s,
            unit="s of audio",
        )
        benchmark.record(f"real-time factor, {length_s:g} s", round(1 / timing.rate, 5))
    benchmark.finish()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
