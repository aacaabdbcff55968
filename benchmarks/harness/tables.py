"""The tables of documents, written from results.

A table is between `<!-- table: NAME -->` and `<!-- end -->`, whose content is replaced.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

_TABLE = re.compile(r"(<!-- table: (.+?) -->\n).*?(<!-- end -->)", flags=re.DOTALL)


def filled(page: str, table: Callable[[str], Sequence[str] | None]) -> str:
    """Return the page with new tables.

    Args:
        page: text of the document.
        table: function from the name of a table to its lines; None keeps the table.
    """

    def made(found: re.Match[str]) -> str:
        lines = table(found[2])
        return found[0] if lines is None else found[1] + "\n".join([*lines, found[3]])

    return _TABLE.sub(made, page)


def markdown(
    titles: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0
) -> list[str]:
    """Return the lines of a Markdown table.

    Args:
        titles: titles of the columns.
        rows: cells of each row.
        numbers: number of columns at the right that are aligned to the right.
    """
    marks = ["---"] * (len(titles) - numbers) + ["---:"] * numbers
    return [_line(cells) for cells in (titles, marks, *rows)]


def _line(cells: Sequence[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


def measured_with(report: dict[str, Any]) -> str:
    """Describe the conditions of a report: its date, processor and number of threads."""
    at = report["conditions"]
    return f"{at['date_utc'][:10]}, {at['cpu']}, {at['threads']} thread"


def latest(name: str, results: Path) -> dict[str, Any]:
    """Read the newest stored report of a benchmark.

    Args:
        name: stem of its results, without the date.
        results: folder of the files `YYYY-MM-DD-<name>.json`.

    Raises:
        FileNotFoundError: there is no result of this name.
    """
    paths = sorted(results.glob(f"????-??-??-{name}.json"))
    if not paths:
        raise FileNotFoundError(f"expected a result of {name!r} in {results.name}; run it first")
    report: dict[str, Any] = json.loads(paths[-1].read_text(encoding="utf-8"))
    return report


def timing(report: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the timing of this name in a report; a name stands for one timing."""
    (found,) = (timing for timing in report["timings"] if timing["name"] == name)
    timed: dict[str, Any] = found
    return timed
