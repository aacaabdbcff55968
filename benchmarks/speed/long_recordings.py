"""Long recordings: the peak memory of a process by length and channels.

FLAC files of digital silence with one minute of speech per hour are read in blocks in one process,
and embedded in another. `--reading` omits the embedding. `--spoken HOURS` measures
a file of continuous real speech instead: half an hour of the speech corpora, repeated.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from benchmarks.harness import corpora
from benchmarks.harness.measure import Benchmark
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.demo_clips import FOLDER

# VmHWM in kB, which only Linux reports; ru_maxrss also counts the parent process.
_CHILD = """
import re, sys
from pathlib import Path
{imports}
def peak_mb():
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
before = peak_mb()
{work}
print(before, peak_mb())
"""
READ = _CHILD.format(
    imports="import soundfile, soxr\nfrom speakersdk.audio.waveform import file_blocks",
    work="for block in file_blocks(sys.argv[1]): pass",
)
EMBED = _CHILD.format(
    imports="from speakersdk import Verifier\nverifier = Verifier()",
    work="verifier.embed(sys.argv[1])",
)


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording to write."""

    minutes: int
    channels: int
    rate_hz: int

    def __str__(self) -> str:
        return f"{self.minutes} min, {self.channels} channels, {self.rate_hz} Hz"


RECORDINGS = (
    Recording(26, 2, 48000),
    Recording(60, 1, 16000),
    Recording(24 * 60, 8, 8000),
    Recording(24 * 60, 1, 16000),
)
SMOKE = (Recording(1, 2, 48000), Recording(2, 1, 16000))


def write(path: Path, recording: Recording) -> None:
    """Write silence with speech in the first minute of every hour."""
    speech = np.concatenate([read_audio(clip) for clip in sorted(FOLDER.glob("slt-*.flac"))])
    speech = np.resize(speech, 60 * SAMPLE_RATE_HZ).repeat(3)[:: 48000 // recording.rate_hz]
    spoken = np.repeat((speech * 2**15).astype(np.int16)[:, None], recording.channels, axis=1)
    silent = np.zeros_like(spoken)
    with sf.SoundFile(path, "w", recording.rate_hz, recording.channels, "PCM_16") as file:
        for minute in range(recording.minutes):
            file.write(spoken if minute % 60 == 0 else silent)


def write_spoken(path: Path, hours: float) -> None:
    """Write real speech of many speakers without pauses between them, mono at 16 kHz."""
    packs, parts, num_samples = corpora.Packs(), [], 0
    for utterance in corpora.utterances("speechocean762", "dev"):
        parts.append((packs.samples(utterance) * 2**15).astype(np.int16))
        num_samples += len(parts[-1])
        if num_samples >= 30 * 60 * SAMPLE_RATE_HZ:
            break
    speech = np.concatenate(parts)
    left = round(hours * 3600 * SAMPLE_RATE_HZ)
    with sf.SoundFile(path, "w", SAMPLE_RATE_HZ, 1, "PCM_16") as file:
        while left > 0:
            file.write(speech[:left])
            left -= len(speech)


def measure(benchmark: Benchmark, what: str, code: str, path: Path) -> None:
    """Run one process, and record its peak memory, the share of the work, and the time."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    seconds = time.perf_counter() - start
    before_mb, peak_mb = map(float, done.stdout.split())
    benchmark.record(f"{what}: peak MB", round(peak_mb))
    benchmark.record(f"{what}: of these for the recording", round(peak_mb - before_mb))
    benchmark.record(f"{what}: s", round(seconds, 1))


def main() -> int:
    """Write the files one after another, and measure each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--reading", action="store_true", help="leave the embedding out")
    parser.add_argument("--spoken", type=float, metavar="HOURS", help="speech throughout, once")
    benchmark = Benchmark(
        name="long-recordings",
        question="How much memory does a recording of any length take?",
        parser=parser,
    )
    if benchmark.options.spoken:
        benchmark.add_to_name("spoken")
        corpora.require()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "long.flac"
            write_spoken(path, benchmark.options.spoken)
            measure(benchmark, f"{benchmark.options.spoken:g} h of speech, embedded", EMBED, path)
        benchmark.finish()
        return 0
    for recording in SMOKE if benchmark.smoke else RECORDINGS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "long.flac"
            write(path, recording)
            measure(benchmark, f"{recording}, read", READ, path)
            if not benchmark.options.reading:
                measure(benchmark, f"{recording}, embedded", EMBED, path)
    benchmark.finish()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
