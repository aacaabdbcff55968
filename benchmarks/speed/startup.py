"""Start-up: what a fresh process pays until its first decision."""

from __future__ import annotations

import subprocess
import sys

from _harness import Benchmark
from speakersdk.demo_clips import FOLDER
from speakersdk.models import default_model_path


def run(*arguments: str) -> None:
    """Run a fresh interpreter to its end; status 1 is a rejected probe, 2 an error."""
    done = subprocess.run([sys.executable, *arguments], check=False, stdout=subprocess.DEVNULL)
    if done.returncode > 1:
        raise RuntimeError(f"{' '.join(arguments)} failed with status {done.returncode}")


def main() -> int:
    """Measure fresh processes."""
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
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
