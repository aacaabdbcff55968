"""How commands print: one JSON document, or tables for people and for pipes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from speakersdk.decision.outcome import Decision
from speakersdk.text import printable


def print_json(document: object) -> None:
    """One JSON document on stdout."""
    print(json.dumps(document, indent=2, allow_nan=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on a terminal; elsewhere a header and rows separated by tabs.

    Cells are shown escaped: names and fields of files may be a stranger's.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            print("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: square brackets are no markup here
    Console().print(table)


def decision_cells(decision: Decision) -> tuple[str, str, str]:
    """Verdict, score and llr of one row of a table; a dash where there is no number."""
    if decision.score is None or decision.llr is None:
        return decision.verdict, "-", "-"
    return decision.verdict, f"{decision.score:.4g}", f"{decision.llr:+.2f}"
