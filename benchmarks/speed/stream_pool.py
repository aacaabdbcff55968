"""Many streams: the number that one core can process if their hops share a call of the model."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from benchmarks.harness.demo_speech import demo_speech
from benchmarks.harness.measure import Benchmark
from speakersdk import Verifier
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.demo_clips import FOLDER as CLIPS

HOP_SAMPLES, HOP_S = SAMPLE_RATE_HZ // 10, 0.1
COUNTS = (1, 4, 16, 64)


def main() -> int:
    """Measure pools of several sizes, and single streams next to the largest."""
    benchmark = Benchmark(
        name="stream-pool",
        question="How many live streams can one core process?",
    )
    verifier = Verifier(num_threads=benchmark.threads)
    voiceprint = verifier.enroll(sorted(CLIPS.glob("slt-enroll-*.flac")), name="slt")
    speech = demo_speech()

    def pool_round(count: int) -> Callable[[], object]:
        pool = verifier.stream_pool(capacity=count)
        for key in range(count):
            pool.add(key, [voiceprint])
        starts = np.arange(count) * 7919 % (len(speech) - HOP_SAMPLES)
        position = 0

        def push() -> object:
            nonlocal position
            position += HOP_SAMPLES
            at = (starts + position) % (len(speech) - HOP_SAMPLES)
            chunks = {key: speech[at[key] : at[key] + HOP_SAMPLES] for key in range(count)}
            return pool.push(chunks, sample_rate_hz=SAMPLE_RATE_HZ)

        return push

    for count in COUNTS[:2] if benchmark.smoke else COUNTS:
        push = pool_round(count)
        benchmark.measure(f"{count} streams, one call", push, work=count * HOP_S, unit="s of audio")
        before_s = time.process_time()
        rounds = 2 if benchmark.smoke else 200
        latencies_s = []
        for _ in range(rounds):
            start = time.perf_counter()
            push()
            latencies_s.append(time.perf_counter() - start)
        cpu_s = (time.process_time() - before_s) / rounds
        benchmark.record(f"{count} streams: streams a core", round(count * HOP_S / cpu_s))
        benchmark.record(
            f"{count} streams: ms per round, p99",
            round(1e3 * float(np.percentile(latencies_s, 99)), 2),
        )
    benchmark.finish()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
