"""The options that name calibration trials, for every command that fits a calibration."""

from __future__ import annotations

from pathlib import Path

from speakersdk.cli.parser import CommandParser


def add_trial_options(command: CommandParser, *, are_required: bool = False) -> None:
    """Add ``--trials``, ``--segments`` and ``--audio-root``, see `CalibrationTrials.together`."""
    command.inputs.add_argument(
        "--trials",
        type=Path,
        nargs="+",
        required=are_required,
        default=[],
        metavar="LIST",
        help="trial lists (label segment segment) for the calibration; they are pooled",
    )
    command.inputs.add_argument(
        "--segments",
        type=Path,
        nargs="+",
        required=are_required,
        default=[],
        metavar="FILE",
        help="segment lists of the trials",
    )
    command.places.add_argument(
        "--audio-root",
        type=Path,
        required=are_required,
        metavar="FOLDER",
        help="base folder of audio paths",
    )
