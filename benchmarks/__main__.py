"""Print the benchmarks, one module per line: `for each in $(python -m benchmarks); do ...`.

A benchmark is a runnable module of a folder. Modules named `*_tables` only write documents, and
those of `peers` measure nothing.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def benchmarks() -> list[str]:
    """Return dotted names, sorted."""
    return [
        f"benchmarks.{path.parent.name}.{path.stem}"
        for path in sorted(FOLDER.glob("*/*.py"))
        if path.parent.name != "peers"
        and not path.stem.endswith("_tables")
        and '\nif __name__ == "__main__":\n' in path.read_text(encoding="utf-8")
    ]


if __name__ == "__main__":
    print("\n".join(benchmarks()))
