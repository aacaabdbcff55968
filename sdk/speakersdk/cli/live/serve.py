"""``speakersdk serve``: run a service, such as an HTTP server.

Services are separate packages, found by their entry point in the group ``speakersdk.serve``. An
entry point is a module with three names:

    SUMMARY: str                                       first paragraph of its help
    add_arguments(parser: argparse.ArgumentParser)     adds its options
    run(arguments, open_verifier, open_store) -> int   serves, and returns the exit status

This module adds the options of the verifier and the store. `open_verifier` and `open_store` open
the objects that they select, and can be pickled for worker processes.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any, Final

from speakersdk.cli import arguments as shared
from speakersdk.cli.parser import CommandParser
from speakersdk.errors import ConfigError, MissingDependencyError

GROUP: Final = "speakersdk.serve"
# Services of this project. The folder in `integrations/` and the extra have the same name.
SERVICES: Final = ("http", "wyoming")
# Small files can contain hours of silence.
_MAXIMUM_DURATION_S: Final = 300.0


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments."""
    parser.inputs.add_argument(
        "service", metavar="SERVICE", help=f"{' or '.join(SERVICES)}, or one from another package"
    )
    options = parser.inputs.add_argument(
        "options",
        nargs=argparse.REMAINDER,
        metavar="OPTION",
        help="options of the service; see `speakersdk serve SERVICE --help`",
    )
    options.required = False  # argparse requires a REMAINDER, and would ask for OPTION


def run(arguments: argparse.Namespace) -> int:
    """Parse the options of the service and run it until it is stopped."""
    name = arguments.service
    service = find_service(name)
    parser = CommandParser(
        prog=f"speakersdk serve {name}",
        description=service.SUMMARY,
        status="0 stopped by SIGTERM; 130 stopped by Ctrl-C",
        examples=(f"speakersdk serve {name}", f"speakersdk serve {name} --far 0.001"),
    )
    shared.add_options(parser, "far", "voiceprints", "model")
    shared.add_max_duration(parser, _MAXIMUM_DURATION_S)
    shared.add_channel(parser)
    service.add_arguments(parser)
    chosen = parser.parse_args(arguments.options)
    # Only the arguments that the two functions read, which can be pickled.
    picklable = {
        key: value
        for key, value in vars(chosen).items()
        if isinstance(value, str | int | float | None)
    }
    places = argparse.Namespace(**picklable | {"voiceprints": chosen.voiceprints})
    status: int = service.run(
        chosen, partial(shared.open_verifier, places), partial(shared.open_store, places)
    )
    return status


def find_service(name: str) -> Any:
    """Find the module of a service.

    Raises:
        ConfigError: there is no such service.
        MissingDependencyError: its package, or a library that it needs, is not installed.
    """
    from importlib.metadata import entry_points

    found = entry_points(group=GROUP)
    if name in found.names:
        return found[name].load()
    if name not in SERVICES:
        known = sorted({*SERVICES, *found.names})
        raise ConfigError(f"expected a service of {', '.join(known)}, got '{name}'")
    raise MissingDependencyError(
        f"`speakersdk serve {name}` needs the package speakersdk-{name}",
        remedy=f'pip install "speakersdk[{name}]" (in a clone: pip install ./integrations/{name})',
    )
