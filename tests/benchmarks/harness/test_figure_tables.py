"""Figures in the documents come from the results."""

import pytest

from benchmarks.harness import figure_tables


def test_only_tables_of_the_kept_results_are_written() -> None:
    page = "<!-- table: of another page -->\nkept\n<!-- end -->\n"
    assert figure_tables.filled(page) == page


@pytest.mark.parametrize("name", figure_tables.TABLES)
def test_every_table_has_a_header_and_rows(name: str) -> None:
    page = figure_tables.filled(f"<!-- table: {name} -->\n<!-- end -->\n")
    header, rule, *rows = [line for line in page.splitlines() if line.startswith("|")]
    assert set(rule) <= set("|- :")
    assert rows
    assert all(row.count("|") == header.count("|") for row in rows)
