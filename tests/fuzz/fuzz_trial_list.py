"""Any bytes as lists of trials, scores and recordings: read, or ConfigError says why not."""

from __future__ import annotations

import contextlib
import math
import tempfile
from pathlib import Path

from fuzz_driver import fuzz

from speakersdk.errors import ConfigError
from speakersdk.evaluation.segments import read_recordings, read_segments
from speakersdk.evaluation.trials import read_scores, read_trials

FOLDER = tempfile.TemporaryDirectory(prefix="speakersdk-fuzz-")
PATH = Path(FOLDER.name) / "fuzzed.txt"


def target(data: bytes) -> None:
    """Read the bytes as each kind of list."""
    PATH.write_bytes(data)
    with contextlib.suppress(ConfigError):
        for trial in read_trials(PATH):
            assert trial.enroll
            assert trial.probe
    with contextlib.suppress(ConfigError):
        assert all(map(math.isfinite, read_scores([PATH]).values()))
    with contextlib.suppress(ConfigError):
        read_recordings(PATH, Path(FOLDER.name))
    with contextlib.suppress(ConfigError):
        read_segments(PATH)


def seeds() -> list[bytes]:
    """Return lists in each form and encoding."""
    lists = [
        "1 a.wav b.wav\n0 a.wav c.wav clean\n",
        "a\tb\ttarget\nb\tc\tnontarget\n",
        "a b -0.25\nb c 1e3\n",
        "ann ann.wav\nbob\tbob smith.wav\n",
        '{"segment": "s", "speaker": "ann", "pieces": [["a.wav", 0, 16000]]}\n',
    ]
    encoded = [text.encode() for text in lists]
    return [*encoded, *(text.encode("utf-16") for text in lists[:2]), lists[0].encode("utf-32")]


if __name__ == "__main__":
    fuzz(target, seeds())
