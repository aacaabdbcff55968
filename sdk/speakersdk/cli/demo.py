"""``speakersdk demo``: verify the voices of the bundled clips against each other.

The clips are synthetic. They show that the program works, and not how often it is wrong.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, dataclass
from typing import Any

from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import read_audio
from speakersdk.cli import arguments as shared
from speakersdk.cli.output import decision_cells, print_json, print_table
from speakersdk.cli.parser import CommandParser
from speakersdk.decision.outcome import Decision
from speakersdk.demo_clips import FOLDER
from speakersdk.verifier import Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One probe compared with one enrolled voice."""

    probe: str
    enrolled: str
    decision: Decision

    @property
    def is_right(self) -> bool:
        """Whether the same voice was accepted, or a different voice rejected."""
        return self.decision.verdict == ("accept" if self.probe == self.enrolled else "reject")

    def to_json(self) -> dict[str, Any]:
        """Return the trial and its decision as values for JSON."""
        trial = {"probe": self.probe, "enrolled": self.enrolled, "is_right": self.is_right}
        return {**trial, **asdict(self.decision)}


def add_arguments(parser: CommandParser) -> None:
    """Add this command's arguments."""
    shared.add_options(parser, "far", "model", "json")


def run(arguments: argparse.Namespace) -> int:
    """Run all trials and print the decisions."""
    started_s = time.perf_counter()
    verifier = shared.open_verifier(arguments)
    opened_s = time.perf_counter()
    trials, audio_s = _run_trials(verifier)
    finished_s = time.perf_counter()
    num_right = sum(trial.is_right for trial in trials)
    processing_s = finished_s - opened_s
    if arguments.json:
        print_json(
            {
                "trials": [trial.to_json() for trial in trials],
                "num_right": num_right,
                "model_load_s": opened_s - started_s,
                "processing_s": processing_s,
                "audio_s": audio_s,
                "rtf": processing_s / audio_s,
            }
        )
    else:
        print_table(
            ("probe", "enrolled", "verdict", "score", "llr", "right"),
            [
                (
                    at.probe,
                    at.enrolled,
                    *decision_cells(at.decision),
                    "yes" if at.is_right else "NO",
                )
                for at in trials
            ],
        )
        print(
            f"{num_right} of {len(trials)} decisions correct "
            "(synthetic voices: this is not an error rate)"
        )
        print(
            f"model loaded in {opened_s - started_s:.2f} s; {audio_s:.1f} s of audio took "
            f"{processing_s:.2f} s, real-time factor {processing_s / audio_s:.4f}"
        )
    return 0 if num_right == len(trials) else 1


def _run_trials(verifier: Verifier) -> tuple[list[Trial], float]:
    """Compare every probe with every voice, and return the seconds of audio processed."""
    audio_s = 0.0
    voiceprints = []
    voices = sorted(path.name.removesuffix("-probe.flac") for path in FOLDER.glob("*-probe.flac"))
    for voice in voices:
        recordings = [read_audio(path) for path in sorted(FOLDER.glob(f"{voice}-enroll-*.flac"))]
        audio_s += sum(map(len, recordings)) / SAMPLE_RATE_HZ
        voiceprints.append(verifier.enroll(recordings, name=voice, sample_rate_hz=SAMPLE_RATE_HZ))
    trials = []
    for voice in voices:
        probe = read_audio(FOLDER / f"{voice}-probe.flac")
        audio_s += len(probe) / SAMPLE_RATE_HZ
        # One pass over the probe gives the same decisions as one verify per voice.
        identification = verifier.identify(voiceprints, probe, sample_rate_hz=SAMPLE_RATE_HZ)
        decisions = dict(identification.ranking)
        trials += [
            Trial(
                probe=voice,
                enrolled=enrolled,
                decision=decisions.get(enrolled, identification.decision),
            )
            for enrolled in voices
        ]
    return trials, audio_s
