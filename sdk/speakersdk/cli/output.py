"""The output of commands: one JSON document, or tables for people and pipes."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from speakersdk.cli.program import one_line
from speakersdk.decision.outcome import Decision
from speakersdk.evaluation.segments import Failure
from speakersdk.text import printable

_REPORT_EVERY_S: Final = 10.0
# Decimals of measurements in JSON, by the unit at the end of their names. A nanosecond is less than
# a sample, and a thousandth of a decibel is less than any measurement shows. Sums of such values
# end in digits of no meaning: 88.00000000000001 s. Scores stay exact.
_DECIMALS: Final = {"_s": 9, "seconds": 9, "_ms": 6, "_db": 3, "_dbfs": 3}


def json_text(document: object, *, indent: int | None = None) -> str:
    """Write a JSON document, with times and levels rounded."""
    return json.dumps(_rounded(document, None), indent=indent, allow_nan=False)


def print_json(document: object) -> None:
    """Print one JSON document on stdout."""
    print(json_text(document, indent=2))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on a terminal; otherwise print tab-separated rows with a header.

    Cells are escaped, because names and file fields may come from other people.
    """
    columns = [printable(column) for column in columns]
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
        # Text: rich would read square brackets as markup.
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def decision_cells(decision: Decision) -> tuple[str, str, str]:
    """Return verdict, score and LLR as table cells; a dash marks a missing value."""
    if decision.score is None or decision.llr is None:
        return decision.verdict, "-", "-"
    return decision.verdict, f"{decision.score:.4g}", f"{decision.llr:+.2f}"


def print_message(kind: str, text: str) -> None:
    """Print one line on stderr, such as ``speakersdk: warning: text``."""
    print(one_line(f"speakersdk: {kind}: {text}"), file=sys.stderr)


def print_note(text: str) -> None:
    """Print advice on stderr."""
    print(one_line(f"note: {text}"), file=sys.stderr)


def print_failures(failures: Sequence[Failure]) -> None:
    """Print each failure and its reason as one line on stderr."""
    for failure in failures:
        print(one_line(f"{failure.name}: {failure.reason}"), file=sys.stderr)


def _rounded(value: Any, decimals: int | None) -> Any:
    if isinstance(value, Mapping):
        return {name: _rounded(each, _decimals_of(name)) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each, decimals) for each in value]
    return round(value, decimals) if isinstance(value, float) and decimals is not None else value


def _decimals_of(name: object) -> int | None:
    if not isinstance(name, str):
        return None
    return next((number for unit, number in _DECIMALS.items() if name.endswith(unit)), None)


@contextlib.contextmanager
def progress(what: str) -> Iterator[Callable[[int, int, int], None]]:
    """Report progress on stderr: a bar on a terminal, otherwise a line every ten seconds.

    Yields a function that takes the numbers of finished, failed and total items.

    Args:
        what: what is done with the items, as a past participle, such as "embedded".
    """
    if not sys.stderr.isatty():
        last_s = time.monotonic()

        def report(done: int, failed: int, total: int) -> None:
            nonlocal last_s
            if time.monotonic() - last_s >= _REPORT_EVERY_S:
                last_s = time.monotonic()
                print(f"{done} of {total} {what}, {failed} left out", file=sys.stderr)

        yield report
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, failed, total: bar.update(task, completed=done + failed, total=total)
