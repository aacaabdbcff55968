"""Bulk embedding: seconds of audio that `speakersdk embed` processes per second.

FLAC files are decoded, embedded and written, with different numbers of processes and of recordings
per call. The time includes the start of the processes.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from benchmarks.harness.measure import Benchmark
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER
from speakersdk.evaluation.bulk import EmbeddingJob, embed_recordings
from speakersdk.evaluation.segments import Piece, Segment
from speakersdk.models import default_model_path

NUM_RECORDINGS = 768
SETTINGS = ((1, 1), (1, 8), (2, 1), (2, 8))  # processes, recordings per call


def main() -> int:
    """Embed the demonstration clips repeatedly, with alternating settings."""
    benchmark = Benchmark(
        name="bulk-embedding",
        question="How many seconds of audio does speakersdk embed process in a second?",
        threads=2,
    )
    os.environ["OMP_NUM_THREADS"] = "1"  # threads of each process
    clips = sorted(FOLDER.glob("*.flac"))
    number = 24 if benchmark.smoke else NUM_RECORDINGS
    recordings = [
        Segment(str(index), "", (Piece(clips[index % len(clips)].name),)) for index in range(number)
    ]
    audio_s = sum(len(read_audio(path)) for path in clips) / SAMPLE_RATE_HZ * number / len(clips)
    benchmark.record("recordings", number)
    benchmark.record("seconds of audio", round(audio_s, 1))
    fastest_s = dict.fromkeys(SETTINGS, float("inf"))
    for _ in range(1 if benchmark.smoke else 3):
        for processes, batch in SETTINGS:
            job = EmbeddingJob(model=default_model_path(), root=FOLDER, batch=batch)
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                embed_recordings(recordings, Path(folder) / "out.npz", job, num_processes=processes)
                seconds = time.perf_counter() - start
            fastest_s[processes, batch] = min(fastest_s[processes, batch], seconds)
    for (processes, batch), seconds in fastest_s.items():
        benchmark.record(
            f"{processes} process{'es' if processes > 1 else ''}, batch {batch}: s of audio a s",
            round(audio_s / seconds, 1),
        )
    benchmark.finish()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
