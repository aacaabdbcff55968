"""The ``speakersdk`` command. Results go to stdout, messages to stderr.

`speakersdk.cli.program` lists the exit statuses.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in `typing`, which takes milliseconds to import
if TYPE_CHECKING:
    from collections.abc import Sequence

    from speakersdk.cli.parser import CommandParser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status; None means the arguments of this process."""
    # Imports are inside the function: Ctrl-C during them must not print a traceback.
    try:
        from speakersdk.cli.program import run_program

        return run_program("speakersdk", _build_parser, argv)
    except KeyboardInterrupt:
        return 130


def _build_parser() -> CommandParser:
    from speakersdk.cli import commands

    return commands.build_parser(is_whole=False)
