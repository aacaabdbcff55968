"""The speech corpora of the benchmarks: their location and utterances.

They are in `shared/data` next to the repository, or in the folder that the environment variable
SPEAKERSDK_SPEECH_DATA names.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.harness.measure import REPOSITORY
from speakersdk.arrays import Waveform
from speakersdk.audio.waveform import read_audio
from speakersdk_training.data.corpus import Utterance, read_packs

VARIABLE = "SPEAKERSDK_SPEECH_DATA"
DATA = Path(os.environ.get(VARIABLE, REPOSITORY.parent / "shared" / "data"))
TRIALS = DATA / "trials"


def are_there() -> bool:
    """Return whether the corpora can be read."""
    return (DATA / "manifest.jsonl").is_file()


def require() -> None:
    """Exit with status 2 and a message if the corpora are missing.

    Raises:
        SystemExit: the corpora are missing.
    """
    if not are_there():
        print(f"no speech corpora in {DATA}; name their folder in {VARIABLE}", file=sys.stderr)
        raise SystemExit(2)


def utterances(corpus: str, split: str) -> list[Utterance]:
    """Read the utterances of one split of a corpus, in the order of the manifest."""
    return [at for at in read_packs(DATA) if (at.corpus, at.split) == (corpus, split)]


class Packs:
    """A reader of utterances from packs, which contain many utterances and are decoded once."""

    def __init__(self) -> None:
        self._decoded: dict[Path, Waveform] = {}

    def joined(self, utterances: Iterator[Utterance], num_samples: int) -> Waveform:
        """Join the next utterances up to at least a number of samples; fewer if there are fewer."""
        joined = np.zeros(0, np.float32)
        while len(joined) < num_samples and (utterance := next(utterances, None)):
            joined = np.concatenate([joined, self.samples(utterance)])
        return joined

    def samples(self, utterance: Utterance) -> Waveform:
        """Return the samples of an utterance: (n,) float32 at 16 kHz."""
        if utterance.path not in self._decoded:
            self._decoded[utterance.path] = read_audio(utterance.path)
        length = utterance.num_samples
        end = None if length is None else utterance.start + length
        return self._decoded[utterance.path][utterance.start : end]
