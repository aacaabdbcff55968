"""Tables are replaced by name, and results are found by name and date."""

import json
from pathlib import Path

import pytest

from benchmarks.harness import tables

PAGE = "a\n<!-- table: one -->\nold\n<!-- end -->\nb\n<!-- table: two -->\nkept\n<!-- end -->\n"


def test_tables_are_filled_by_name_and_others_stay() -> None:
    page = tables.filled(PAGE, lambda name: ["x", "y"] if name == "one" else None)
    assert page == PAGE.replace("old", "x\ny")


def test_the_newest_result_of_exactly_this_name_is_read(tmp_path: Path) -> None:
    for name in ("2026-01-01-rtf", "2026-01-02-rtf", "2026-01-03-rtf-cuda"):
        (tmp_path / f"{name}.json").write_text(json.dumps({"name": name}))
    assert tables.latest("rtf", tmp_path) == {"name": "2026-01-02-rtf"}


def test_a_result_that_was_never_kept_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="expected a result of 'rtf'"):
        tables.latest("rtf", tmp_path)
