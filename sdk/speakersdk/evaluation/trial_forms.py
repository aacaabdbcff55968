"""Trial lists and scores in the forms of other toolkits.

1 enroll probe [condition ...]                 VoxCeleb
enroll probe target|nontarget [condition ...]  Kaldi; 1 and 0 are read too
enroll probe score                             scores
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from speakersdk.errors import ConfigError
from speakersdk.evaluation.trials import Trial

_LABELS: Final = {"1": True, "0": False, "target": True, "nontarget": False}
_FORMS: Final = "'0|1 enroll probe' or 'enroll probe target|nontarget'"


@dataclass(frozen=True, slots=True)
class ListedTrial:
    """A trial and what its list says of it.

    Attributes:
        trial: the comparison.
        conditions: the columns after the third.
    """

    trial: Trial
    conditions: tuple[str, ...]


def read_listed_trials(path: Path) -> list[ListedTrial]:
    """Read trials in either form; one list has one form and one number of columns.

    Raises:
        ConfigError: no such file, or a line is not of the form of the first one.
    """
    rows = list(_rows(path))
    if not rows:
        raise ConfigError(f"expected trials in {path}, got an empty list")
    columns = len(rows[0][1])
    # A VoxCeleb line may name a recording "1": it is Kaldi's form only if column one is no label.
    is_voxceleb = all(fields and fields[0] in {"0", "1"} for _, fields in rows)
    listed = []
    for number, fields in rows:
        label = fields[0] if is_voxceleb else fields[2] if len(fields) > 2 else ""
        if len(fields) < 3 or label not in _LABELS:
            raise ConfigError(f"{path}:{number}: expected {_FORMS}, got {' '.join(fields)!r}")
        if len(fields) != columns:
            raise ConfigError(f"{path}:{number}: expected {columns} columns, got {len(fields)}")
        enroll, probe = fields[1:3] if is_voxceleb else fields[:2]
        listed.append(ListedTrial(Trial(_LABELS[label], enroll, probe), tuple(fields[3:])))
    return listed


def read_scores(paths: Iterable[Path]) -> dict[tuple[str, str], float]:
    """Read ``enroll probe score`` lines; further columns are left alone.

    Raises:
        ConfigError: no such file, a line of another form, or two scores of one trial.
    """
    scores: dict[tuple[str, str], float] = {}
    for path in paths:
        for number, fields in _rows(path):
            try:
                score = float(fields[2])
            except (IndexError, ValueError):
                score = math.nan
            if not math.isfinite(score):
                raise ConfigError(
                    f"{path}:{number}: expected 'enroll probe score', got {' '.join(fields)!r}"
                )
            if (fields[0], fields[1]) in scores:
                raise ConfigError(f"{path}:{number}: a second score of {fields[0]} {fields[1]}")
            scores[fields[0], fields[1]] = score
    return scores


def read_speakers(path: Path) -> dict[str, str]:
    """Read ``recording speaker`` lines, Kaldi's utt2spk.

    Raises:
        ConfigError: no such file, or a line of another form.
    """
    speakers = {}
    for number, fields in _rows(path):
        if len(fields) != 2:
            raise ConfigError(
                f"{path}:{number}: expected 'recording speaker', got {' '.join(fields)!r}"
            )
        speakers[fields[0]] = fields[1]
    return speakers


def _rows(path: Path) -> Iterable[tuple[int, list[str]]]:
    if not path.is_file():
        raise ConfigError(f"expected a list at {path}, found none")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            yield number, line.split()
