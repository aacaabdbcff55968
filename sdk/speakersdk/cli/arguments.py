"""Options that several commands share, and the objects that they select."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, TypeAlias

from speakersdk.audio.channels import MIX, Channel, check_channel
from speakersdk.audio.levels import AudioProblem
from speakersdk.audio.recordings import Reading
from speakersdk.cli.keys import KEY_HELP, find_key
from speakersdk.cli.parser import CommandParser
from speakersdk.decision.rule import DEFAULT_FAR
from speakersdk.errors import ConfigError
from speakersdk.models import default_model_path
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.store import VoiceprintStore

Shared: TypeAlias = Literal[
    "accept", "audio_root", "far", "json", "life", "model", "reading", "replace_or_append",
    "voiceprints",
]  # fmt: skip
_EVERY_PROBLEM: Final = "all"


def add_options(parser: CommandParser, *options: Shared) -> None:
    """Add shared options; "far" includes `--prior` and `--calibration`."""
    for option in options:
        _ADD[option](parser)


def open_verifier(arguments: argparse.Namespace) -> Verifier:
    """Open a verifier with `--model` and, if the command has them, the options of a request."""
    return Verifier(
        arguments.model,
        far=getattr(arguments, "far", None),
        prior=getattr(arguments, "prior", None),
        c_miss=getattr(arguments, "c_miss", 1.0),
        c_fa=getattr(arguments, "c_fa", 1.0),
        calibration=getattr(arguments, "calibration", None),
        max_duration_s=getattr(arguments, "max_duration", None),
        channel=getattr(arguments, "channel", None),
    )


def model_path(arguments: argparse.Namespace) -> Path:
    """Return the model file of `--model`, or the bundled one."""
    return Path(arguments.model) if arguments.model else default_model_path()


def open_store(arguments: argparse.Namespace) -> VoiceprintStore:
    """Open the store in the folder of `--voiceprints`."""
    return VoiceprintStore(arguments.voiceprints, key=find_key(arguments.key))


def accepted_problems(arguments: argparse.Namespace) -> tuple[AudioProblem, ...]:
    """Return the problems of `--accept`."""
    keys = arguments.accept
    return tuple(problem for problem in AudioProblem if {problem.key, _EVERY_PROBLEM} & {*keys})


def _add_accept(parser: CommandParser) -> None:
    parser.requests.add_argument(
        "--accept",
        action="append",
        default=[],
        choices=[*(problem.key for problem in AudioProblem), _EVERY_PROBLEM],
        metavar="PROBLEM",
        help="accept recordings with this problem: %(choices)s (repeatable)",
    )


def _add_model(parser: CommandParser) -> None:
    parser.places.add_argument(
        "--model", metavar="FILE", help="ONNX model (default: the bundled one)"
    )


def _add_audio_root(parser: CommandParser) -> None:
    parser.places.add_argument(
        "--audio-root",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="base folder of relative audio paths (default: the current folder)",
    )


def add_max_duration(parser: CommandParser, default_s: float | None = None) -> None:
    """Add `--max-duration`; None means no limit."""
    default = "no limit" if default_s is None else f"{default_s:g}"
    parser.requests.add_argument(
        "--max-duration",
        type=float,
        default=default_s,
        metavar="SECONDS",
        help=f"maximum length of a recording, summed over channels (default: {default})",
    )


def reading(arguments: argparse.Namespace) -> Reading:
    """Return how the command reads recordings."""
    return Reading(limit_s=arguments.max_duration, channel=arguments.channel)


def _add_reading(parser: CommandParser) -> None:
    add_max_duration(parser)
    add_channel(parser)


def add_channel(parser: CommandParser) -> None:
    """Add `--channel`."""
    parser.requests.add_argument(
        "--channel",
        type=_channel,
        metavar="NUMBER",
        help="channel to read, from 1, or mix (default: mix; refuse one person in each channel)",
    )


def _channel(text: str) -> Channel:
    try:
        return check_channel(text if text == MIX else int(text))
    except (ValueError, ConfigError) as error:
        raise argparse.ArgumentTypeError(
            f"expected the number of a channel, from 1, or {MIX}, got {text!r}"
        ) from error


def _add_far(parser: CommandParser) -> None:
    parser.requests.add_argument(
        "--far",
        type=float,
        metavar="RATE",
        help=f"false-accept rate of one comparison (default: {DEFAULT_FAR})",
    )
    parser.requests.add_argument(
        "--prior",
        type=float,
        metavar="P",
        help="prior probability of the speaker, to minimize the expected cost (instead of --far)",
    )
    parser.places.add_argument(
        "--calibration",
        metavar="NAME",
        help="name of a calibration stored by `speakersdk calibrate`",
    )
    for option, error in (("--c-miss", "false reject"), ("--c-fa", "false accept")):
        parser.requests.add_argument(
            option,
            type=float,
            default=1.0,
            metavar="COST",
            help=f"with --prior: cost of a {error} (default: %(default)g)",
        )


def _add_voiceprints(parser: CommandParser) -> None:
    add_folder(parser)
    parser.places.add_argument("--key", metavar="KEY", help=KEY_HELP)


def add_folder(parser: CommandParser) -> None:
    """Add `--voiceprints` without `--key`, for commands that open no voiceprint."""
    parser.places.add_argument(
        "--voiceprints",
        type=Path,
        metavar="FOLDER",
        help="folder of the stored voiceprints (default: $XDG_DATA_HOME/speakersdk/voiceprints)",
    )


def _add_json(parser: CommandParser) -> None:
    parser.output.add_argument("--json", action="store_true", help="print one JSON document")


def _add_replace_or_append(parser: CommandParser) -> None:
    group = parser.requests.add_mutually_exclusive_group()
    group.add_argument(
        "--replace", action="store_true", help="replace a voiceprint of the same name"
    )
    group.add_argument(
        "--append", action="store_true", help="add the recordings to a voiceprint of the same name"
    )


def _add_life(parser: CommandParser) -> None:
    parser.requests.add_argument(
        "--expires",
        metavar="PERIOD",
        help="refuse the voiceprint after this time: 12h, 90d, 6w, 1y, or never",
    )
    parser.requests.add_argument(
        "--consent", metavar="TEXT", help="identifier of the text to which the speaker agreed"
    )
    parser.requests.add_argument(
        "--consent-by", metavar="WHO", help="person who agreed (default: the speaker)"
    )


_ADD: Final[dict[Shared, Callable[[CommandParser], None]]] = {
    "accept": _add_accept,
    "audio_root": _add_audio_root,
    "far": _add_far,
    "json": _add_json,
    "life": _add_life,
    "model": _add_model,
    "reading": _add_reading,
    "replace_or_append": _add_replace_or_append,
    "voiceprints": _add_voiceprints,
}
