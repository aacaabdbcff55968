"""Tables of docs/mutation.md, from survivors.json and reviewed.json.

python -m tests.mutation.page    writes them

reviewed.json has a reason for every mutant that survives: {module: {place: {change: reason}}}.
"""

from __future__ import annotations

from benchmarks.harness.tables import filled
from tests.mutation.run import REPOSITORY, RESULT, REVIEWED, read

PAGE = REPOSITORY / "docs" / "mutation.md"


def counts() -> list[str]:
    """Return one row for each module, and their sum."""
    result = read(RESULT)
    rows = [
        (f"`{name}`", one["mutants"], one["run"], one["run"] - survived, survived)
        for name, one in result.items()
        for survived in [len(one["survived"])]
    ]
    total = ("all", *(sum(column) for column in list(zip(*rows, strict=True))[1:]))
    days = sorted({one["day"] for one in result.values()})
    return [
        "| module | mutants | run | killed | survived |",
        "| --- |" + " ---: |" * 4,
        *("| " + " | ".join(map(str, row)) + " |" for row in [*rows, total]),
        "",
        f"Run on {', '.join(days)}.",
    ]


def survivors() -> list[str]:
    """Return every survivor with the reason why no test kills it.

    Raises:
        KeyError: one was not reviewed.
    """
    reviewed = read(REVIEWED)
    lines = ["| module | place | change | why |", "| --- " * 4 + "|"]
    for name, one in read(RESULT).items():
        for each in one["survived"]:
            reason = reviewed[name][each["place"]][each["change"]]
            change = each["change"].replace("|", "\\|")
            lines.append(f"| `{name}` | {each['place'] or 'constant'} | `{change}` | {reason} |")
    return lines


def page() -> str:
    """Return the page with new tables."""
    tables = {"mutants": counts, "survivors": survivors}
    return filled(PAGE.read_text(encoding="utf-8"), lambda name: tables[name]())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
