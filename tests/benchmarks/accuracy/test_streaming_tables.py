"""The tables of docs/streaming.md are those of the latest results."""

import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    import _streaming_tables

    yield _streaming_tables
    for name in ("_streaming_tables", "_harness"):
        sys.modules.pop(name, None)


def test_figures_of_the_streaming_page_are_those_of_the_results(tables) -> None:  # type: ignore[no-untyped-def]
    page = tables.PAGE.read_text(encoding="utf-8")
    for name in tables.TABLES:
        assert f"<!-- table: {name} -->\n|" in page
    # Else: python benchmarks/_streaming_tables.py
    assert tables.filled(page) == page


def test_text_around_the_tables_is_kept_and_what_is_in_them_is_not(tables) -> None:  # type: ignore[no-untyped-def]
    page = "before\n<!-- table: pool -->\nstale\n<!-- end -->\nafter\n"
    filled = tables.filled(page)
    assert filled.startswith("before\n<!-- table: pool -->\n| streams in one call |")
    assert filled.endswith("<!-- end -->\nafter\n")
    assert "stale" not in filled
