"""Measurement and reports of benchmarks: pinned threads, warm-up, repeats, medians, JSON.

    if __name__ == "__main__":
        benchmark = Benchmark(name="scorer", question="How many pairs a second ...?")
        pairs = benchmark.measure("native, D = 128", lambda: score(a, b), work=100_000, unit="pair")
        benchmark.finish()

A benchmark prints a table and one line of JSON, and stores the JSON in `benchmarks/results/`. The
report describes the machine but contains no host name, user or path.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speakersdk.encoder.manifest import ModelManifest

REPOSITORY = Path(__file__).parents[2]
RESULTS = REPOSITORY / "benchmarks" / "results"
# A repeat must be long compared with the clock's resolution and a task switch.
_MINIMUM_REPEAT_S = 0.05
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
# Runs write the results; a new result does not change the measured code.
_ALL_BUT_RESULTS = ("--", ".", ":!benchmarks/results")
_PACKAGES = (
    "speakersdk", "numpy", "scipy", "onnxruntime", "onnxruntime-gpu", "torch", "faiss-cpu",
    "simsimd", "resemblyzer",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The seconds of one call over the repeats.

    Attributes:
        name: the measured call.
        median_s, minimum_s, p95_s: over the repeats, each the mean of its calls.
        spread: (third quartile - first quartile) / median; above 0.1 the machine was busy.
        repeats, calls: number of repeats, and of calls per repeat.
        work, unit: number of units per call, for `rate`.
        rate: units per second at the median.
    """

    name: str
    median_s: float
    minimum_s: float
    p95_s: float
    spread: float
    repeats: int
    calls: int
    work: float
    unit: str
    rate: float


class Benchmark:
    """A question, its measurements, and the conditions of the measurement."""

    def __init__(
        self,
        *,
        name: str,
        question: str,
        threads: int = 1,
        parser: argparse.ArgumentParser | None = None,
    ) -> None:
        """Read the command line and pin the threads; may start the interpreter again (see below).

        Args:
            name: stem of the result file.
            question: question that the figures answer, in one sentence.
            threads: cores and threads that NumPy, onnxruntime and torch may use.
            parser: holds the benchmark's own arguments; those of every benchmark are added to it.
        """
        parser = parser or argparse.ArgumentParser()
        parser.description = question
        parser.add_argument("--repeats", type=int, default=9, metavar="N")
        parser.add_argument("--threads", type=int, default=threads, metavar="N")
        parser.add_argument("--smoke", action="store_true", help="one quick repeat, nothing kept")
        parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
        options = parser.parse_args()
        self.question = question
        self.threads: int = options.threads
        self._parts = [name]
        self.options = options
        self.smoke: bool = options.smoke
        self.repeats: int = 1 if options.smoke else options.repeats
        self.results: Path = options.results
        self.timings: list[Timing] = []
        self.facts: dict[str, Any] = {}
        pin_threads(self.threads)

    @property
    def name(self) -> str:
        """The stem of the result file, which differs between runs with different arguments."""
        threads = [] if self.threads == 1 else [f"{self.threads}-threads"]
        return "-".join(self._parts + threads)

    def add_to_name(self, part: str) -> None:
        """Add a suffix to the name, for arguments that change what is measured."""
        self._parts.append(part.replace(":", "-"))

    def measure(
        self, name: str, call: Callable[[], object], *, work: float = 1.0, unit: str = "call"
    ) -> Timing:
        """Time a call, after a warm-up and a search for the number of calls per repeat.

        Args:
            name: row of the table.
            call: what to time, without arguments.
            work: number of units per call, such as pairs or seconds of audio.
            unit: name of the unit in the singular.
        """
        calls = self._calls_of_a_repeat(call)
        seconds = [self._seconds(call, calls) for _ in range(self.repeats)]
        return self._keep(name, seconds, calls, work, unit)

    def measure_together(
        self,
        calls: Mapping[str, Callable[[], object]],
        *,
        work: float = 1.0,
        unit: str = "call",
        clock: Callable[[], float] = time.perf_counter,
    ) -> dict[str, Timing]:
        """Time several calls in turns so that they share changes in the load of the machine.

        Args:
            calls: what to time, by the row of the table.
            work, unit: as for `measure`.
            clock: `time.process_time` counts CPU time only. Use it if calls have very different
                lengths: on a busy machine the longer ones wait more often.
        """
        numbers = {name: self._calls_of_a_repeat(call) for name, call in calls.items()}
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(self.repeats):
            for name, call in calls.items():
                seconds[name].append(self._seconds(call, numbers[name], clock))
        return {name: self._keep(name, seconds[name], numbers[name], work, unit) for name in calls}

    def _keep(self, name: str, seconds: list[float], calls: int, work: float, unit: str) -> Timing:
        """Add the timing of the repeats to the report."""
        median_s = statistics.median(seconds)
        ordered = sorted(seconds)
        quartiles = statistics.quantiles(seconds, n=4) if len(seconds) > 1 else [median_s] * 3
        timing = Timing(
            name=name,
            median_s=median_s,
            minimum_s=ordered[0],
            p95_s=ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))],
            spread=(quartiles[2] - quartiles[0]) / median_s,
            repeats=self.repeats,
            calls=calls,
            work=work,
            unit=unit,
            rate=work / median_s,
        )
        self.timings.append(timing)
        return timing

    def record(self, name: str, value: object) -> None:
        """Add a value that is not a timing to the report, such as a size or an error rate."""
        self.facts[name] = value

    def record_model(self, manifest: ModelManifest) -> None:
        """Add the name of a model and the hash of its weights to the report."""
        self.record("model", manifest.name)
        self.record("weights_sha256", manifest.weights_sha256)

    def finish(self) -> dict[str, Any]:
        """Print the table and the JSON line, and store the JSON unless this is a smoke run."""
        measured_under = conditions(self.threads)
        report: dict[str, Any] = {
            "name": self.name,
            "question": self.question,
            "conditions": measured_under,
            "timings": [asdict(timing) for timing in self.timings],
            "facts": self.facts,
        }
        print("\n".join(_table(self.question, self.timings, self.facts)))
        line = json.dumps(report, allow_nan=False)
        print(line)
        if not self.smoke:
            self.results.mkdir(parents=True, exist_ok=True)
            path = self.results / f"{measured_under['date_utc'][:10]}-{self.name}.json"
            path.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        return report

    def _calls_of_a_repeat(self, call: Callable[[], object]) -> int:
        """Warm up, and return the number of calls that take `_MINIMUM_REPEAT_S`."""
        call()  # the first call allocates, compiles and loads; it is not timed
        if self.smoke:
            return 1
        calls = 1
        while (seconds := self._seconds(call, calls) * calls) < _MINIMUM_REPEAT_S:
            calls = max(2 * calls, round(calls * _MINIMUM_REPEAT_S / max(seconds, 1e-9)))
        return calls

    @staticmethod
    def _seconds(
        call: Callable[[], object], calls: int, clock: Callable[[], float] = time.perf_counter
    ) -> float:
        """Return the mean seconds of one of `calls` consecutive calls."""
        start = clock()
        for _ in range(calls):
            call()
        return (clock() - start) / calls


def pin_threads(threads: int) -> None:
    """Restrict this process and the numeric libraries to a number of threads.

    Libraries read their environment variables when they are loaded. If the variables differ, the
    interpreter is restarted with the same command line.
    """
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[: max(1, threads)])
    wanted = dict.fromkeys(_THREAD_VARIABLES, str(threads))
    if any(os.environ.get(variable) != value for variable, value in wanted.items()):
        os.environ.update(wanted)
        if Path(sys.argv[0]).is_file():
            sys.stdout.flush()
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # keeps `-m MODULE`


def installed_environment() -> dict[str, str]:
    """Return the environment of new processes that find bytecode, like those of a package."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def conditions(threads: int) -> dict[str, Any]:
    """Describe the machine, software and load, which explain the results."""
    return {
        "date_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short=12", "HEAD"),
        "modified": bool(_git("status", "--porcelain", "--untracked-files=no", *_ALL_BUT_RESULTS)),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "threads": threads,
        "governor": _governor(),
        "load_1min": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    """Return the versions of the installed packages that a benchmark may compare."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    if "onnxruntime-gpu" in versions and "onnxruntime" in sys.modules:
        # Both packages provide this module; report the one in use.
        versions["onnxruntime"] = sys.modules["onnxruntime"].__version__
    return versions


def _git(*arguments: str) -> str:
    """Return the output of a git command in the repository; empty outside a repository."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip()


def _cpu_model() -> str:
    """Return the name of the processor in Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _governor() -> str:
    """Return the frequency governor of the first core; "unknown" in most virtual machines."""
    path = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return path.read_text(encoding="utf-8").strip() if path.is_file() else "unknown"


def _table(question: str, timings: Sequence[Timing], facts: dict[str, Any]) -> list[str]:
    """Return the lines of the printed table."""
    width = max([len(timing.name) for timing in timings] + [len(name) for name in facts] + [8])
    lines = [question, ""]
    if timings:
        lines.append(f"{'':{width}}  {'median':>11}  {'fastest':>11}  {'spread':>6}  rate")
    lines += [
        f"{timing.name:{width}}  {_duration(timing.median_s):>11}  "
        f"{_duration(timing.minimum_s):>11}  {timing.spread:6.1%}  "
        f"{timing.rate:.4g} {timing.unit}/s"
        for timing in timings
    ]
    # Lists of rows are only for the JSON; their benchmarks print their own tables.
    lines += [
        f"{name:{width}}  {value}" for name, value in facts.items() if not isinstance(value, list)
    ]
    return [*lines, ""]


def _duration(seconds: float) -> str:
    """Format seconds with a unit that gives three or four digits."""
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1.0:
            return f"{seconds * factor:.4g} {unit}"
    return f"{seconds * 1e9:.4g} ns"
