"""Start-up: the time of a fresh process until its first decision, and that of the loaded model.

The figures of processes are the result `startup`, those of the model the result `encoder`.
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks.harness.demo_speech import demo_speech
from benchmarks.harness.measure import Benchmark, installed_environment
from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.demo_clips import FOLDER
from speakersdk.encoder.load import load_encoder
from speakersdk.models import default_model_path

LENGTHS_S = (1.0, 3.0, 10.0)


def main() -> int:
    """Measure fresh processes, then the model that they load."""
    measure_processes()
    measure_encoder()
    return 0


def measure_processes() -> None:
    """Time fresh interpreters from start to end."""
    benchmark = Benchmark(
        name="startup",
        question="How long does a fresh process take to import the SDK, and to verify two files?",
    )
    enrolled, probe = str(FOLDER / "slt-enroll-1.flac"), str(FOLDER / "slt-probe.flac")
    benchmark.measure("python alone", lambda: run("-c", "pass"))
    benchmark.measure("import numpy", lambda: run("-c", "import numpy"))
    benchmark.measure("import speakersdk", lambda: run("-c", "import speakersdk"))
    benchmark.measure(
        "speakersdk verify, two recordings",
        lambda: run("-m", "speakersdk", "verify", enrolled, probe),
    )
    benchmark.record("model bytes", default_model_path().stat().st_size)
    benchmark.finish()


def run(*arguments: str) -> None:
    """Run a fresh interpreter to its end; status 1 is a rejected probe, 2 an error."""
    done = subprocess.run(
        [sys.executable, *arguments],
        check=False,
        stdout=subprocess.DEVNULL,
        env=installed_environment(),
    )
    if done.returncode > 1:
        raise RuntimeError(f"{' '.join(arguments)} failed with status {done.returncode}")


def measure_encoder() -> None:
    """Time whole recordings of several lengths."""
    benchmark = Benchmark(
        name="encoder",
        question="How many seconds of speech does the bundled model encode in a second?",
    )
    encoder = load_encoder(default_model_path(), num_threads=benchmark.threads)
    speech = demo_speech()
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


if __name__ == "__main__":
    raise SystemExit(main())
