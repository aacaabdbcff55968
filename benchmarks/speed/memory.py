"""Memory: the peak memory of a process, step by step from the bare interpreter.

Four figures of each process:

    peak      VmHWM, the largest resident set so far: all mapped pages that are in memory
    private   RssAnon after the step: pages that no file backs, which belong to only this process
    of files  RssFile after the step: pages of libraries, which the system drops under pressure and
              shares between processes
    share     Pss after the step: the private pages, and each page of a file divided by the number
              of processes that have it in use now

Bytecode is compiled beforehand, as pip does when it installs a package.
"""

from __future__ import annotations

import compileall
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.harness.measure import Benchmark, installed_environment
from speakersdk.demo_clips import FOLDER

ENROLLED, PROBE = str(FOLDER / "slt-enroll-1.flac"), str(FOLDER / "slt-probe.flac")
# Each process runs one of these, with the arguments after it.
STEPS = {
    "python alone": "pass",
    "import numpy": "import numpy",
    "import onnxruntime": "import onnxruntime",
    "Verifier()": "from speakersdk import Verifier; verifier = Verifier()",
}
COMMAND = "from speakersdk.cli import main; main({arguments!r})"
# Written to stderr: the commands write their results to stdout.
REPORT = """
import json, os, sys
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
{step}
fields = dict(line.split(":", 1) for line in open("/proc/self/status"))
fields |= dict(line.split(":", 1) for line in open("/proc/self/smaps_rollup") if "Pss:" in line)
names = {{"peak": "VmHWM", "private": "RssAnon", "of files": "RssFile", "share": "Pss"}}
megabytes = {{name: int(fields[field].split()[0]) * 1024 / 1e6 for name, field in names.items()}}
print(json.dumps(megabytes), file=sys.stderr)
"""


def main() -> int:
    """Measure fresh processes."""
    benchmark = Benchmark(
        name="memory",
        question="How much memory do a verification of two files and a listener take?",
    )
    compileall.compile_dir(FOLDER.parent, quiet=2)
    with tempfile.TemporaryDirectory() as folder:
        store = ["--voiceprints", folder]
        enroll = ["enroll", "slt", ENROLLED, str(FOLDER / "slt-enroll-2.flac"), *store]
        steps = {
            **STEPS,
            "speakersdk verify, two recordings": COMMAND.format(
                arguments=["verify", ENROLLED, PROBE]
            ),
            "speakersdk enroll, two recordings": COMMAND.format(arguments=enroll),
            "speakersdk listen": COMMAND.format(
                arguments=["listen", "--input", PROBE, "--fast", *store]
            ),
        }
        for name, step in steps.items():
            for kind, megabytes in measured(step).items():
                benchmark.record(f"{name}: MB {kind}", round(megabytes, 1))
    benchmark.finish()
    return 0


def measured(step: str) -> dict[str, float]:
    """Return the megabytes of a process that has taken a step, by the names of `REPORT`."""
    if not Path("/proc/self/status").is_file():
        raise RuntimeError("expected Linux, which reports the memory of a process in /proc")
    done = subprocess.run(
        [sys.executable, "-c", REPORT.format(step=step)],
        check=False,
        capture_output=True,
        text=True,
        env=installed_environment(),
    )
    if done.returncode:
        raise RuntimeError(f"{step} failed: {done.stderr}")
    last: dict[str, float] = json.loads(done.stderr.splitlines()[-1])
    return last


if __name__ == "__main__":
    raise SystemExit(main())
