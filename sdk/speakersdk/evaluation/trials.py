"""Trial lists: pairs of recordings and whether they are of one speaker.

    1 enroll probe [condition ...]                   VoxCeleb
    enroll probe target|nontarget [condition ...]    Kaldi; 1 and 0 are accepted
    enroll probe score                               scores

All trials of a list have one form. A name with spaces stands between tabs or in quotation marks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
import numpy.typing as npt

from speakersdk.errors import ConfigError
from speakersdk.evaluation.list_file import columns, name_key, read_lines, unquoted
from speakersdk.evaluation.segments import Segment
from speakersdk.files import replacement
from speakersdk.text import counted

_LABELS: Final = {"1": True, "0": False, "target": True, "nontarget": False}
_FORMS: Final = "'0|1 enroll probe' or 'enroll probe target|nontarget'"
# Larger ones are marks of failed trials, and their differences overflow.
_LARGEST_SCORE: Final = 1e100
_TABS: Final = "if names contain spaces, separate the columns with tabs or quote the names"
_COMMAS: Final = "separate the columns with tabs, not with commas, and write a point in numbers"


@dataclass(frozen=True, slots=True)
class Trial:
    """One comparison.

    Attributes:
        is_target: whether both sides are the same speaker.
        enroll, probe: names of the recordings or segments.
        conditions: the columns after the third.
    """

    is_target: bool
    enroll: str
    probe: str
    conditions: tuple[str, ...] = ()


def read_trials(path: Path) -> list[Trial]:
    """Read trials. All lines of a list have the same form and number of columns.

    Raises:
        ConfigError: the file is missing or empty, or a line has another form than the first.
    """
    rows = [(number, columns(line, 3)) for number, line in read_lines(path)]
    if not rows:
        raise ConfigError(f"expected trials in {path}, got an empty list")
    width = len(rows[0][1])
    # VoxCeleb's form if every first column is a label, because recordings may be named "1".
    is_voxceleb = all(fields[0] in {"0", "1"} for _, fields in rows)
    trials = []
    for number, fields in rows:
        label = fields[0] if is_voxceleb else fields[2] if len(fields) > 2 else ""
        if len(fields) < 3 or label not in _LABELS:
            raise ConfigError(
                f"{path}:{number}: expected {_FORMS}, got {' '.join(fields)!r}; {_remedy(fields)}"
            )
        if len(fields) != width:
            raise ConfigError(
                f"{path}:{number}: expected {width} columns, got {len(fields)}; {_TABS}"
            )
        enroll, probe = map(name_key, fields[1:3] if is_voxceleb else fields[:2])
        trials.append(Trial(_LABELS[label], enroll, probe, tuple(fields[3:])))
    return trials


def write_trials(path: Path, trials: Iterable[Trial]) -> None:
    """Write trials in VoxCeleb's form, with tabs between the columns: a complete file or none.

    Raises:
        OSError: the file cannot be written.
    """
    rows = [
        "\t".join(
            (str(int(trial.is_target)), *map(_cell, (trial.enroll, trial.probe, *trial.conditions)))
        )
        for trial in trials
    ]
    with replacement(path, is_private=False) as file:
        file.write("".join(f"{row}\n" for row in rows).encode())


def _cell(text: str) -> str:
    """Quote a text whose own quotation marks `columns` would leave out."""
    return text if unquoted(text) is None else f'"{text}"'


def read_scores(paths: Iterable[Path]) -> dict[tuple[str, str], float]:
    """Read ``enroll probe score`` lines. Further columns are ignored.

    Raises:
        ConfigError: a file is missing, a line has another form, or a trial has two different
            scores.
    """
    scores: dict[tuple[str, str], float] = {}
    for path in paths:
        for number, line in read_lines(path):
            fields = columns(line, 3)
            try:
                score = float(fields[2])
            except (IndexError, ValueError):
                score = math.nan
            if not abs(score) <= _LARGEST_SCORE:  # also NaN
                raise ConfigError(
                    f"{path}:{number}: expected 'enroll probe score' with a score within "
                    f"+-{_LARGEST_SCORE:g}, got {line!r}; {_remedy(fields)}"
                )
            sides = name_key(fields[0]), name_key(fields[1])
            if scores.setdefault(sides, score) != score:
                raise ConfigError(
                    f"{path}:{number}: a second, different score for {fields[0]} {fields[1]}"
                )
    return scores


def ready_scores(trials: Sequence[Trial], paths: Iterable[Path]) -> npt.NDArray[np.float64]:
    """Read the (len(trials),) scores of trials from files.

    Raises:
        ConfigError: as for `read_scores`, or a trial has no score.
    """
    scores = read_scores(paths)
    missing = [trial for trial in trials if (trial.enroll, trial.probe) not in scores]
    if missing:
        raise ConfigError(
            f"expected a score for every trial, got none for {counted(len(missing), 'trial')}, "
            f"first {missing[0].enroll} {missing[0].probe}; add the scores to the files"
        )
    return np.array([scores[trial.enroll, trial.probe] for trial in trials], dtype=np.float64)


def read_speakers(path: Path) -> dict[str, str]:
    """Read ``recording speaker`` lines, the format of Kaldi's utt2spk.

    Raises:
        ConfigError: the file is missing, a line has another form, or a recording has two speakers.
    """
    speakers: dict[str, str] = {}
    for number, line in read_lines(path):
        fields = columns(line, 2)
        if len(fields) != 2:
            raise ConfigError(
                f"{path}:{number}: expected 'recording speaker', got {line!r}; {_remedy(fields)}"
            )
        if speakers.setdefault(name_key(fields[0]), fields[1]) != fields[1]:
            raise ConfigError(
                f"{path}:{number}: a second speaker for {fields[0]}; correct the list"
            )
    return speakers


def speakers_in_paths(names: Iterable[str]) -> dict[str, str]:
    """Return the speaker of each name that is a path: the first folder in which the paths differ.

    In VoxCeleb's ``id10270/5r0dWxy17C8/00001.wav``, below any common folder, this is ``id10270``.
    """
    folders = {name: PurePosixPath(name).parts[:-1] for name in names if "/" in name}
    levels = zip(*folders.values(), strict=False)
    common = sum(1 for _ in takewhile(lambda level: len({*level}) == 1, levels))
    return {name: parts[common] for name, parts in folders.items() if len(parts) > common}


def count_repeated(trials: Iterable[Trial], *, is_symmetric: bool) -> int:
    """Return the number of trials that have the names of an earlier one, in the same order.

    Args:
        trials: trials of one or more lists.
        is_symmetric: whether the labels of both orders of two names must agree. Given scores may be
            of models and recordings, which can have the same names.

    Raises:
        ConfigError: one pair is both a target and a nontarget trial.
    """
    labels: dict[tuple[str, str], bool] = {}
    num_repeated = 0
    for trial in trials:
        sides = (trial.enroll, trial.probe)
        num_repeated += sides in labels
        for known in (sides, sides[::-1]) if is_symmetric else (sides,):
            if labels.get(known, trial.is_target) != trial.is_target:
                raise ConfigError(
                    f"expected one label for each pair, got target and nontarget for "
                    f"{trial.enroll} {trial.probe}; correct the lists"
                )
        labels[sides] = trial.is_target
    return num_repeated


def names_in(trials: Iterable[Trial]) -> list[str]:
    """Return the names of the recordings of trials, without repetition, in order of first use."""
    return list(dict.fromkeys(name for trial in trials for name in (trial.enroll, trial.probe)))


def used_segments(trials: Iterable[Trial], segments: dict[str, Segment]) -> list[Segment]:
    """Return the segments of trials in the order of `names_in`.

    Raises:
        ConfigError: a trial names an unknown segment.
    """
    names = names_in(trials)
    missing = [name for name in names if name not in segments]
    if missing:
        raise ConfigError(
            f"{len(missing)} trial names are not in the segment list, first {missing[0]!r}"
        )
    return [segments[name] for name in names]


def _remedy(fields: Sequence[str]) -> str:
    """Say what to do about a line of another form; spreadsheets separate columns with commas."""
    return _COMMAS if any("," in field for field in fields) else _TABS
