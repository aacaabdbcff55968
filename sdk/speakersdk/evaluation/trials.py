"""Trial lists: which two recordings are compared and whether one person spoke both."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from speakersdk.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Trial:
    """One comparison.

    Attributes:
        is_target: whether both sides are the same speaker.
        enroll, probe: names of the two recordings or segments.
    """

    is_target: bool
    enroll: str
    probe: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an audio file: path relative to a root, first sample, length, at 16 kHz."""

    path: str
    start: int
    num_samples: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A named piece of speech of one speaker, joined from pieces of audio files."""

    name: str
    speaker: str
    pieces: tuple[Piece, ...]


def read_trials(path: Path) -> list[Trial]:
    """Read trials in VoxCeleb form: ``label enroll probe``, label 1 = same speaker.

    Raises:
        ConfigError: no such file, or a line is not of that form.
    """
    trials = []
    for number, line in enumerate(_read_lines(path), start=1):
        fields = line.split()
        if len(fields) != 3 or fields[0] not in {"0", "1"}:
            raise ConfigError(f"{path}:{number}: expected '0|1 enroll probe', got {line!r}")
        trials.append(Trial(fields[0] == "1", fields[1], fields[2]))
    return trials


def read_segments(path: Path) -> dict[str, Segment]:
    """Read segments, one JSON object a line: ``segment``, ``speaker``, ``pieces``.

    Raises:
        ConfigError: no such file, or a line is not of that form.
    """
    segments = {}
    for number, line in enumerate(_read_lines(path), start=1):
        try:
            row = json.loads(line)
            pieces = tuple(Piece(*piece) for piece in row["pieces"])
            segments[row["segment"]] = Segment(row["segment"], row["speaker"], pieces)
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"{path}:{number}: expected a JSON object with segment, speaker and pieces "
                f"[path, start, num_samples], got {line!r}"
            ) from error
    return segments


def used_segments(trials: Iterable[Trial], segments: dict[str, Segment]) -> list[Segment]:
    """The segments that the trials name, each once, in order of first use."""
    names = dict.fromkeys(name for trial in trials for name in (trial.enroll, trial.probe))
    missing = [name for name in names if name not in segments]
    if missing:
        raise ConfigError(
            f"{len(missing)} trial names are not in the segment list, first {missing[0]!r}"
        )
    return [segments[name] for name in names]


def share_audio(a: Segment, b: Segment) -> bool:
    """Whether any sample is in both segments."""
    return any(
        one.path == other.path
        and one.start < other.start + other.num_samples
        and other.start < one.start + one.num_samples
        for one in a.pieces
        for other in b.pieces
    )


def _read_lines(path: Path) -> list[str]:
    if not path.is_file():
        raise ConfigError(f"expected a list at {path}, found none")
    return path.read_text(encoding="utf-8").splitlines()
