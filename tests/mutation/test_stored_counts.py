"""The pages show the stored counts of fuzzing and of mutation testing."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.fuzz import executions
from tests.mutation import page, run
from tests.mutation.mutants import mutants


def test_the_page_shows_the_stored_executions() -> None:
    assert executions.page() == executions.PAGE.read_text(encoding="utf-8")
    assert set(executions.read()) <= set(executions.targets())


def test_the_page_shows_the_stored_mutants_and_every_survivor_has_a_reason() -> None:
    assert page.page() == page.PAGE.read_text(encoding="utf-8")
    reviewed = {
        (name, place, change)
        for name, places in run.read(run.REVIEWED).items()
        for place, changes in places.items()
        for change in changes
    }
    survived = {
        (name, each["place"], each["change"])
        for name, one in run.read(run.RESULT).items()
        for each in one["survived"]
    }
    assert reviewed == survived, "reasons of mutants that no longer survive"


def test_every_module_under_mutation_has_its_tests() -> None:
    every = list(run.modules([*run.COMPONENTS]))
    assert len(every) > len(run.COMPONENTS)
    assert all(run.tests_of(path).is_file() for path in every)


def test_mutants_without_assertions_are_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-O", "-m", "tests.mutation.run", "text"],
        cwd=run.REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("expected Python without -O")


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("x = a + b", ["a + b -> a - b"]),
        ("x = a < b and c", ["a < b and c -> a < b or c", "a < b -> a <= b"]),
        ("x = 0 <= a < 1", ["0 <= a < 1 -> 0 < a < 1", "0 <= a < 1 -> 0 <= a <= 1",
                            "0 -> 1", "1 -> 2"]),
        ("x = min(a, 1)", ["min(a, 1) -> max(a, 1)", "1 -> 2"]),
        ("if a:\n    f()", ["if a -> if False"]),
        ("x = -1", ["-1 -> +1", "1 -> 2"]),
        ("x = [1, 1]", ["1 -> 2", "1 -> 2 (2)"]),
        ("x: int = 'text'", []),
        ("def f(a: A | B) -> C | D:\n    raise E(1 + 1)", []),
        ("@overload\ndef f(a=1): ...", []),
    ],
)  # fmt: skip
def test_a_mutant_changes_one_thing_that_computes(source: str, changes: list[str]) -> None:
    found = list(mutants(source))
    assert [each.change for each in found] == changes
    unchanged = ast.unparse(ast.parse(source))
    assert all(each.source != unchanged for each in found)
    assert len({each.source for each in found}) == len(found)
