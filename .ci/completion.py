"""Write the completion of bash, zsh and fish, which completes files and folders too.

Usage: python .ci/completion.py FOLDER
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

import shtab

from speakersdk.cli.commands import build_parser

PROGRAM: Final = "speakersdk"
PLACES: Final = {
    "bash": f"bash-completion/completions/{PROGRAM}",
    "zsh": f"zsh/site-functions/_{PROGRAM}",
    "fish": f"fish/vendor_completions.d/{PROGRAM}.fish",
}
FILES: Final = frozenset(
    [
        "FILE",
        "FILE.voiceprint",
        "RECORDING",
        "PROBE",
        "REFERENCE",
        "A",
        "B",
        "MANIFEST",
        "TRIALS",
        "PATH",
    ]
)


def mark_paths(parser: argparse.ArgumentParser) -> None:
    """Tell shtab which arguments of a parser and its commands are files or folders."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                mark_paths(command)
        elif action.metavar in FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.metavar == "FOLDER":
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]


def main() -> None:
    """Write a file for each shell."""
    parser = build_parser()
    mark_paths(parser)
    for shell, place in PLACES.items():
        path = Path(sys.argv[1]) / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(shtab.complete(parser, shell=shell), encoding="utf-8")


if __name__ == "__main__":
    main()
