"""How commands print: one JSON document, or tables for people and for pipes."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from speakersdk.cli.program import one_line
from speakersdk.decision.outcome import Decision
from speakersdk.evaluation.segments import Failure
from speakersdk.text import printable

_REPORT_EVERY_S: Final = 10.0


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
        # Text, because square brackets are no markup here.
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def decision_cells(decision: Decision) -> tuple[str, str, str]:
    """Verdict, score and llr of one row of a table; a dash where there is no number."""
    if decision.score is None or decision.llr is None:
        return decision.verdict, "-", "-"
    return decision.verdict, f"{decision.score:.4g}", f"{decision.llr:+.2f}"


def print_failures(failures: Sequence[Failure]) -> None:
    """What could not be used and why, a line each, on stderr."""
    for failure in failures:
        print(one_line(f"{failure.name}: {failure.reason}"), file=sys.stderr)


@contextlib.contextmanager
def progress(what: str) -> Iterator[Callable[[int, int, int], None]]:
    """Shows how many are done, how many failed, of how many.

    A bar on a terminal's stderr; elsewhere a line every ten seconds.

    Args:
        what: is done, such as "embedded".
    """
    if not sys.stderr.isatty():
        last_s = time.monotonic()

        def report(done: int, failed: int, total: int) -> None:
            nonlocal last_s
            if time.monotonic() - last_s >= _REPORT_EVERY_S:
                last_s = time.monotonic()
                print(f"{done} of {total} {what}, {failed} failed", file=sys.stderr)

        yield report
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, failed, total: bar.update(task, completed=done + failed, total=total)
