"""Sealing: what does it add to writing and reading a voiceprint?

The voiceprint has five recordings, and the key is loaded.
"""

from __future__ import annotations

import secrets
from dataclasses import replace

import numpy as np

from benchmarks.harness.measure import Benchmark
from speakersdk import SealingKey, Verifier
from speakersdk.demo_clips import FOLDER as CLIPS

RECORDINGS = 5


def main() -> int:
    """Measure sealing and opening in memory."""
    benchmark = Benchmark(name="sealing", question=(__doc__ or "").splitlines()[0])
    verifier = Verifier(num_threads=benchmark.threads)
    one = verifier.enroll([CLIPS / "slt-enroll-1.flac"], name="slt")
    voiceprint = replace(
        one,
        exemplars=np.repeat(one.exemplars, RECORDINGS, axis=0),
        speech_s=np.repeat(one.speech_s, RECORDINGS),
    )
    key = SealingKey.from_bytes(secrets.token_bytes(32))
    content = voiceprint.to_bytes()
    sealed = key.seal(content)
    benchmark.measure("seal", lambda: key.seal(content))
    benchmark.measure("open", lambda: key.open(sealed))
    benchmark.record("bytes", len(content))
    benchmark.finish()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
