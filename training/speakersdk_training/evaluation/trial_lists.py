"""Trial lists drawn from a corpus: segments of one length, target and nontarget trials.

A segment joins consecutive utterances of one speaker until it is long enough; no sample is in two
segments. The files are read by `speakersdk.evaluation`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from speakersdk.audio.samples import SAMPLE_RATE_HZ
from speakersdk.audio.waveform import file_blocks
from speakersdk.evaluation.segments import Piece, Segment, write_segments
from speakersdk.evaluation.trials import Trial, write_trials
from speakersdk_training.data.corpus import Utterance, by_speaker
from speakersdk_training.errors import TrainingError


def cut_segments(
    utterances: Iterable[Utterance], root: Path, *, duration_s: float
) -> list[Segment]:
    """Cut every speaker's utterances into segments of `duration_s`; the remainder is dropped.

    Args:
        utterances: utterances of a corpus.
        root: base folder of the pieces' paths.
        duration_s: length of each segment in seconds.

    Raises:
        AudioError: a file of unknown length cannot be read.
    """
    num_samples = round(duration_s * SAMPLE_RATE_HZ)
    segments = []
    for speaker, group in by_speaker(utterances).items():
        pieces: list[Piece] = []
        missing = num_samples
        number = 0
        for utterance in group:
            start, stop = utterance.start, _end_of(utterance)
            while start < stop:
                taken = min(missing, stop - start)
                path = utterance.path.relative_to(root).as_posix()
                pieces.append(Piece(path, start, taken))
                start += taken
                missing -= taken
                if missing == 0:
                    name = f"{speaker}/{duration_s:g}s-{number:02d}"
                    segments.append(Segment(name, speaker, tuple(pieces)))
                    pieces, missing, number = [], num_samples, number + 1
    return segments


def _end_of(utterance: Utterance) -> int:
    """Return the end of an utterance in samples; a file of unknown length is decoded."""
    if utterance.num_samples is not None:
        return utterance.start + utterance.num_samples
    return sum(len(block) for block in file_blocks(utterance.path))


def draw_trials(
    segments: list[Segment], *, num_target: int, num_nontarget: int, rng: np.random.Generator
) -> list[Trial]:
    """Draw trials without repetition, targets evenly over speakers and nontargets over pairs.

    Args:
        segments: segments of at least two speakers.
        num_target, num_nontarget: largest numbers of trials; fewer if there are fewer pairs.
        rng: random generator of the draws.
    """
    groups: dict[str, list[str]] = {}
    for segment in segments:
        groups.setdefault(segment.speaker, []).append(segment.name)
    if len(groups) < 2 or max(len(names) for names in groups.values()) < 2:
        raise TrainingError(
            "expected segments of at least two speakers, and two of one speaker, got "
            f"{len(segments)} of {len(groups)}; take shorter segments"
        )
    same = [
        Trial(True, names[first], names[second])
        for names in groups.values()
        for first in range(len(names))
        for second in range(first + 1, len(names))
    ]
    order = rng.permutation(len(same))[:num_target]
    trials = [same[index] for index in order]
    speakers = list(groups)
    different: dict[tuple[str, str], Trial] = {}
    possible = (len(segments) ** 2 - sum(len(names) ** 2 for names in groups.values())) // 2
    while len(different) < min(num_nontarget, possible):
        one, other = sorted(rng.choice(len(speakers), 2, replace=False))
        first, second = (str(rng.choice(groups[speakers[index]])) for index in (one, other))
        different[first, second] = Trial(False, first, second)
    return trials + list(different.values())


def write_lists(folder: Path, name: str, segments: list[Segment], trials: list[Trial]) -> None:
    """Write ``segments-NAME.jsonl`` and ``NAME.txt``."""
    folder.mkdir(parents=True, exist_ok=True)
    write_segments(folder / f"segments-{name}.jsonl", segments)
    write_trials(folder / f"{name}.txt", trials)
