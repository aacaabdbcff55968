"""The tables of docs/streaming.md are those of the latest results."""

from benchmarks.harness import streaming_tables as tables


def test_figures_of_the_streaming_page_are_those_of_the_results() -> None:
    page = tables.PAGE.read_text(encoding="utf-8")
    for name in tables.TABLES:
        assert f"<!-- table: {name} -->\n|" in page
    # If this fails, run python -m benchmarks.harness.streaming_tables
    assert tables.filled(page) == page


def test_text_around_the_tables_is_kept_and_what_is_in_them_is_not() -> None:
    page = "before\n<!-- table: pool -->\nstale\n<!-- end -->\nafter\n"
    filled = tables.filled(page)
    assert filled.startswith("before\n<!-- table: pool -->\n| streams in one call |")
    assert filled.endswith("<!-- end -->\nafter\n")
    assert "stale" not in filled
