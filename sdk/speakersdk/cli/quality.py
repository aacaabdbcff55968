"""``speakersdk quality``: check recordings before enrollment."""

from __future__ import annotations

import argparse

from speakersdk.audio.levels import CLIPPED_HOPS_SHARE, NARROW_BAND_DB, NOISY_SNR_DB, QUIET_DBFS
from speakersdk.cli import arguments as shared
from speakersdk.cli.output import print_json, print_table
from speakersdk.cli.parser import CommandParser
from speakersdk.decision.one_voice import OTHER_VOICE_LLR, SECOND_VOICE_LLR
from speakersdk.enrollment.measure import RecordingQuality
from speakersdk.errors import InvalidAudioError


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments."""
    parser.description = (
        "Measure whether recordings of one speaker are good enough for enrollment: speech at "
        f"{QUIET_DBFS:g} dBFS or more and {NOISY_SNR_DB:g} dB above the noise, at most "
        f"{CLIPPED_HOPS_SHARE:.0%} of it clipped, a level of {NARROW_BAND_DB:g} dB or "
        "more above 4 kHz, and "
        f"one voice (llr above {SECOND_VOICE_LLR:g} within a recording, above {OTHER_VOICE_LLR:g} "
        "between recordings)."
    )
    parser.inputs.add_argument("recordings", nargs="+", metavar="RECORDING", help="audio file")
    shared.add_options(parser, "model", "reading", "json")


def run(arguments: argparse.Namespace) -> int:
    """Measure and report."""
    qualities = shared.open_verifier(arguments).quality(arguments.recordings)
    if all(quality.failure is not None for quality in qualities):
        raise InvalidAudioError(
            f"expected recordings that can be read, got none; the first: {qualities[0].failure}"
        )
    if arguments.json:
        print_json([quality.to_json() for quality in qualities])
    else:
        print_qualities(qualities)
    return 0 if all(quality.is_usable for quality in qualities) else 1


def print_qualities(qualities: list[RecordingQuality]) -> None:
    """Print a row of figures for each recording, and then its problems in sentences."""
    print_table(
        (
            "recording",
            "speech_s",
            "dBFS",
            "snr_dB",
            "above_4kHz_dB",
            "clipped",
            "one_voice",
            "others",
            "problems",
        ),
        [_row(quality) for quality in qualities],
    )
    for quality in qualities:
        for finding in quality.findings.values():
            print(f"{quality.label}: {finding}")


def _row(quality: RecordingQuality) -> tuple[str, ...]:
    levels = quality.levels
    return (
        quality.label,
        f"{quality.speech_s:.1f}",
        _cell(levels.speech_dbfs),
        _cell(levels.snr_db),
        _cell(levels.high_band_db),
        "-" if levels.clipped_share is None else f"{levels.clipped_share:.0%}",
        _cell(quality.one_voice_llr),
        _cell(quality.others_llr),
        " ".join(quality.findings) or "none",
    )


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
