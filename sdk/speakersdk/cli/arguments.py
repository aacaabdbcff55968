"""Arguments that several commands share, and what they stand for."""

from __future__ import annotations

import argparse
from pathlib import Path

from speakersdk.cli.parser import CommandParser
from speakersdk.decision.rule import DEFAULT_FAR
from speakersdk.verifier import Verifier
from speakersdk.voiceprint.store import VoiceprintStore


def add_model(parser: CommandParser) -> None:
    """--model."""
    parser.places.add_argument(
        "--model", metavar="FILE", help="ONNX model (default: the bundled one)"
    )


def add_max_duration(parser: CommandParser) -> None:
    """--max-duration."""
    parser.requests.add_argument(
        "--max-duration",
        type=float,
        metavar="SECONDS",
        help="refuse recordings with more audio, all channels together (default: any length)",
    )


def add_far(parser: CommandParser) -> None:
    """--far, or --prior with --c-miss and --c-fa; and --calibration."""
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
        help="instead of --far: probability of the speaker beforehand; accept at least cost",
    )
    parser.places.add_argument(
        "--calibration", metavar="NAME", help="what `speakersdk calibrate --name NAME` stored"
    )
    for option, error in (("--c-miss", "false reject"), ("--c-fa", "false accept")):
        parser.requests.add_argument(
            option,
            type=float,
            default=1.0,
            metavar="COST",
            help=f"with --prior: cost of a {error} (default: %(default)g)",
        )


def add_voiceprints(parser: CommandParser) -> None:
    """--voiceprints."""
    parser.places.add_argument(
        "--voiceprints",
        type=Path,
        metavar="FOLDER",
        help="folder of the enrolled voiceprints (default: $XDG_DATA_HOME/speakersdk/voiceprints)",
    )


def add_json(parser: CommandParser) -> None:
    """--json."""
    parser.output.add_argument("--json", action="store_true", help="print one JSON document")


def add_replace_or_append(parser: CommandParser) -> None:
    """--replace and --append, which exclude each other."""
    group = parser.requests.add_mutually_exclusive_group()
    group.add_argument(
        "--replace", action="store_true", help="put it in the place of one of the same name"
    )
    group.add_argument(
        "--append", action="store_true", help="add its recordings to one of the same name"
    )


def open_verifier(arguments: argparse.Namespace) -> Verifier:
    """The verifier of --model and, where the command has them, --far or --prior."""
    return Verifier(
        arguments.model,
        far=getattr(arguments, "far", None),
        prior=getattr(arguments, "prior", None),
        c_miss=getattr(arguments, "c_miss", 1.0),
        c_fa=getattr(arguments, "c_fa", 1.0),
        calibration=getattr(arguments, "calibration", None),
        max_duration_s=getattr(arguments, "max_duration", None),
    )


def open_store(arguments: argparse.Namespace) -> VoiceprintStore:
    """The store of --voiceprints."""
    return VoiceprintStore(arguments.voiceprints)
