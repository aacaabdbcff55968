"""Runs fuzz targets for long, and keeps count of their executions in executions.json.

python -m tests.fuzz.executions --runs 1000000 bindings manifest    at most an hour each (--seconds)

Counts of several runs add up. A finding ends the run of its target: its input is kept in
build/fuzz, and the count of findings goes up. The table of docs/reliability.md is written again.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.harness.tables import filled

HERE = Path(__file__).parent
COUNTS = HERE / "executions.json"
PAGE = HERE.parents[1] / "docs" / "reliability.md"
FINDINGS = HERE.parents[1] / "build" / "fuzz"
# Status of a target that was stopped from outside (SIGINT, SIGTERM), which is not a finding.
INTERRUPTED = 72
# Files in memory. On a disk, the readers of files are up to fourteen times slower.
MEMORY = Path("/dev/shm")


def targets() -> list[str]:
    """Return the names of all targets."""
    names = (path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.py"))
    return sorted(name for name in names if name != "driver")


def run(target: str, runs: int, seconds: int) -> dict[str, Any]:
    """Run one target and return the executions, findings and seconds of this run."""
    FINDINGS.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, str(HERE / f"fuzz_{target}.py"), f"-runs={runs}",
        f"-max_total_time={seconds}", "-print_final_stats=1", "-verbosity=0",
        f"-artifact_prefix={FINDINGS}/{target}-",
    ]  # fmt: skip
    surroundings = {**os.environ, "TMPDIR": str(MEMORY)} if MEMORY.is_dir() else None
    began = time.monotonic()
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    found = re.search(r"stat::number_of_executed_units: *(\d+)", done.stderr)
    is_finding = done.returncode not in (0, INTERRUPTED)
    if is_finding:
        print(f"{target}: status {done.returncode}\n{done.stderr[-3000:]}", file=sys.stderr)
    return {
        "executions": int(found[1]) if found else 0,
        "findings": int(is_finding),
        "seconds": round(time.monotonic() - began),
    }


def table() -> list[str]:
    """Return the counts, with the largest first."""
    lines = [
        "| target | executions | findings | hours | last run |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    every = {name: {"executions": 0, "findings": 0, "seconds": 0} for name in targets()} | read()
    for name, one in sorted(every.items(), key=lambda item: -item[1]["executions"]):
        lines.append(
            f"| `{name}` | {one['executions']:,} | {one['findings']} | "
            f"{one['seconds'] / 3600:.1f} | {one.get('last_day', '-')} |"
        )
    return lines


def page() -> str:
    """Return the page with a new table."""
    return filled(
        PAGE.read_text(encoding="utf-8"), lambda name: table() if name == "fuzzing" else None
    )


def main() -> None:
    """Run the targets and add to the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", help="names; default: all")
    parser.add_argument("--runs", type=int, default=1_000_000, help="executions to reach in all")
    parser.add_argument("--seconds", type=int, default=3600, help="limit of each run")
    arguments = parser.parse_args()
    for target in arguments.targets or targets():
        before = read().get(target, {"executions": 0, "findings": 0, "seconds": 0})
        missing = arguments.runs - before["executions"]
        if missing <= 0:
            continue
        new = run(target, missing, arguments.seconds)
        counts = {key: before[key] + new[key] for key in new}
        counts["last_day"] = f"{datetime.now(UTC):%Y-%m-%d}"
        COUNTS.write_text(
            json.dumps(dict(sorted((read() | {target: counts}).items())), indent=1) + "\n"
        )
        PAGE.write_text(page(), encoding="utf-8")
        print(f"{target}: {counts}")


def read() -> dict[str, Any]:
    """Return the counts by target."""
    return dict(json.loads(COUNTS.read_text())) if COUNTS.is_file() else {}


if __name__ == "__main__":
    main()
