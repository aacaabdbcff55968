"""Runs the tests of a module against its mutants: which changes does no test notice?

python -m tests.mutation.run                       all mutants of all modules
python -m tests.mutation.run --sample 20 metrics   20 of metrics.py, drawn with a fixed seed
python -m tests.mutation.run --survivors           survivors without a reason in reviewed.json

Each mutant runs the test file of its module in a fork of its own, until the first failure. Nothing
is written to the sources. The result is tests/mutation/survivors.json, of which
tests/mutation/page.py makes docs/mutation.md.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import random
import resource
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

from tests.mutation.mutants import Mutant, mutants

REPOSITORY = Path(__file__).parents[2]
SOURCES = REPOSITORY / "sdk" / "speakersdk"
RESULT = Path(__file__).with_name("survivors.json")
REVIEWED = Path(__file__).with_name("reviewed.json")
COMPONENTS = ("scoring", "metrics", "decision", "calibration")
SEED = 20
LIMIT = 5  # processor time of a mutant, in those of the unchanged source
# What every fork would import again.
PRELOADED = (
    "numpy", "hypothesis.extra.numpy", "scipy.special", "scipy.stats", "sklearn.metrics", "rich",
    "soundfile", "soxr", "_pytest.assertion.rewrite", "unittest.mock",
)  # fmt: skip
PROFILE = "mutation"
PYTEST = (
    "-x", "-q", "-p", "no:cacheprovider", f"--hypothesis-profile={PROFILE}",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",  # of preloaded modules
)  # fmt: skip


class ChangedSource(Loader):
    """Finds and loads one module from a changed source."""

    def __init__(self, path: Path, source: str) -> None:
        self.path, self.source = path, source
        parts = path.relative_to(SOURCES.parent).with_suffix("").parts
        self.name = ".".join(parts)

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Find the module, as an import hook."""
        if name != self.name:
            return None
        return importlib.util.spec_from_loader(name, self, origin=str(self.path))

    def exec_module(self, module: ModuleType) -> None:
        """Run the source."""
        module.__file__ = str(self.path)
        exec(compile(self.source, str(self.path), "exec"), module.__dict__)


def modules(names: list[str]) -> Iterator[Path]:
    """Find the files of folders or modules, such as "decision" or "decision/rule"."""
    for name in names or COMPONENTS:
        if (SOURCES / name).is_dir():
            yield from sorted((SOURCES / name).glob("[a-z]*.py"))
        else:
            yield SOURCES / f"{name}.py"


def tests_of(path: Path) -> Path:
    """Return the test file of a module."""
    inner = path.relative_to(SOURCES)
    return REPOSITORY / "tests" / "sdk" / inner.parent / f"test_{inner.name}"


def begin(path: Path, source: str, limit_s: int) -> int:
    """Start the tests of a module against a source in a fork, and return its process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):
            os.dup2(null, stream)
        resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 1))
        sys.meta_path.insert(0, ChangedSource(path, source))  # type: ignore[arg-type]
        status = int(pytest.main([*PYTEST, str(tests_of(path))]))
    finally:
        os._exit(status)


def run(path: Path, chosen: list[Mutant], workers: int) -> list[Mutant]:
    """Return the mutants that no test notices."""
    source = path.read_text(encoding="utf-8")
    _, status, usage = os.wait4(begin(path, source, 3600), 0)
    if status:
        raise SystemExit(f"expected tests of {path.name} that pass, got status {status}")
    limit_s = 2 + round(LIMIT * (usage.ru_utime + usage.ru_stime))
    waiting = list(reversed(chosen))
    running: dict[int, Mutant] = {}
    survived = []
    while waiting or running:
        while waiting and len(running) < workers:
            mutant = waiting.pop()
            running[begin(path, mutant.source, limit_s)] = mutant
        child, status = os.wait()
        mutant = running.pop(child)
        if status == 0:
            survived.append(mutant)
            print(f"  {mutant.place}: {mutant.change}", flush=True)
    return sorted(survived, key=chosen.index)


def read(path: Path) -> dict[str, Any]:
    """Return results, or reasons, by module; none without the file."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def has_reason(survivor: dict[str, str], reasons: dict[str, dict[str, str]]) -> bool:
    """Return whether a survivor was reviewed and is to stay."""
    return survivor["change"] in reasons.get(survivor["place"], {})


def main() -> None:
    """Run modules, and add their results to those of the others."""
    if not __debug__:
        raise SystemExit("expected Python without -O, which drops the assertions of the tests")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", help=f"default: {', '.join(COMPONENTS)}")
    parser.add_argument("--sample", type=int, help="mutants of each module; default: all")
    parser.add_argument("--survivors", action="store_true", help="those without a reason again")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    os.chdir(REPOSITORY)
    settings.register_profile(PROFILE, database=None, derandomize=True, deadline=None)
    for name in PRELOADED:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    for path in modules(arguments.modules):
        every = list(mutants(path.read_text(encoding="utf-8")))
        name = path.relative_to(SOURCES).as_posix()
        chosen, num_run, kept = every, len(every), []
        if arguments.survivors:
            before = read(RESULT)[name]
            reasons = read(REVIEWED).get(name, {})
            kept = [one for one in before["survived"] if has_reason(one, reasons)]
            known = {(one["place"], one["change"]) for one in before["survived"] if one not in kept}
            chosen = [one for one in every if (one.place, one.change) in known]
            num_run = before["run"]
        elif arguments.sample is not None and arguments.sample < len(every):
            chosen = random.Random(SEED).sample(every, arguments.sample)
            chosen.sort(key=every.index)
            num_run = len(chosen)
        print(f"{name}: {len(chosen)} of {len(every)} mutants", flush=True)
        survived = run(path, chosen, arguments.workers)
        print(f"{name}: {len(survived)} survived", flush=True)
        result = read(RESULT)
        result[name] = {
            "day": f"{datetime.now(UTC):%Y-%m-%d}",
            "mutants": len(every),
            "run": num_run,
            "survived": [*kept, *({"place": one.place, "change": one.change} for one in survived)],
        }
        RESULT.write_text(json.dumps(dict(sorted(result.items())), indent=1) + "\n")


if __name__ == "__main__":
    main()
