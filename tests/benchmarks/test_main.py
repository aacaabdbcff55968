"""The list that continuous integration runs contains every benchmark."""

import importlib.util
from pathlib import Path

from benchmarks.__main__ import benchmarks

FOLDER = Path(__file__).parents[2] / "benchmarks"


def test_every_module_that_measures_is_listed_and_no_other() -> None:
    measuring = {
        ".".join(path.relative_to(FOLDER.parent).with_suffix("").parts)
        for path in FOLDER.glob("*/*.py")
        if '"--smoke"' in (text := path.read_text(encoding="utf-8")) or "= Benchmark(" in text
    }
    assert set(benchmarks()) == measuring - {"benchmarks.harness.measure"}
    assert all(importlib.util.find_spec(name) for name in benchmarks())
