"""Fixtures of all tests. Nothing here needs torch, because the bare runtime uses the same file.

Real speech is not part of the repository. It is expected in `../shared/data` next to the
repository, or in the folder named by SPEAKERSDK_SPEECH_DATA. Without it, the tests that need it are
skipped, or fail if SPEAKERSDK_REQUIRE_SPEECH=1 (set in continuous integration).
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile as sf

if TYPE_CHECKING:
    from speakersdk.arrays import Waveform

REPOSITORY = Path(__file__).parents[1]
SPEECH_SAMPLE_RATE_HZ = 16000
# A decoded pack has at most 20 min of float32 at 16 kHz: 77 MB. Four contain the three demo
# readers.
_PACKS_IN_MEMORY = 4


def pytest_configure() -> None:
    """Let tests interrupt the commands that they start.

    A shell starts background processes with SIGINT ignored, and their children inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True, slots=True)
class Utterance:
    """One line of the corpora's manifest: a range of a decoded pack, in samples at 16 kHz."""

    corpus: str
    speaker: str
    split: str
    pack: str
    start: int
    num_samples: int

    @property
    def duration_s(self) -> float:
        return self.num_samples / SPEECH_SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Trial:
    """Two segments of the development trials, and whether they are from one speaker."""

    is_target: bool
    enrolled: str
    probe: str


class SpeechData:
    """Reads the speech corpora: a manifest of utterances in Ogg Opus packs, and fixed trials.

    Attributes:
        root: folder with `manifest.jsonl`, `packs/`, `trials/`, `noise/` and `rir/`.
        all_utterances: every line of the manifest, in its order.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        with (root / "manifest.jsonl").open(encoding="utf-8") as lines:
            self.all_utterances = tuple(Utterance(**json.loads(line)) for line in lines)
        self._decode = lru_cache(maxsize=_PACKS_IN_MEMORY)(self._decode_pack)

    def utterances(
        self,
        *,
        corpus: str | None = None,
        split: str | None = None,
        speaker: str | None = None,
        minimum_s: float = 0.0,
    ) -> list[Utterance]:
        """Return the matching utterances in the manifest's order; a speaker is `corpus/id`."""
        return [
            utterance
            for utterance in self.all_utterances
            if corpus in (None, utterance.corpus)
            and split in (None, utterance.split)
            and speaker in (None, utterance.speaker)
            and utterance.duration_s >= minimum_s
        ]

    def samples(self, utterance: Utterance) -> Waveform:
        """Read (num_samples,) float32, mono, 16 kHz; the end of a pack may lack a few samples."""
        return self.joined([(utterance.pack, utterance.start, utterance.num_samples)])

    def joined(self, pieces: Sequence[tuple[str, int, int]]) -> Waveform:
        """Join pieces `(pack, start, num_samples)` into a new array."""
        return np.concatenate([self._decode(pack)[at : at + count] for pack, at, count in pieces])

    def segments(self, seconds: str) -> dict[str, list[tuple[str, int, int]]]:
        """Read the pieces of each development segment; seconds is "1.5" or "3.0"."""
        path = self.root / "trials" / f"segments-{seconds}s.jsonl"
        with path.open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        return {row["segment"]: [tuple(piece) for piece in row["pieces"]] for row in rows}

    def trials(self, name: str) -> Iterator[Trial]:
        """Read development trials by the name of their file, such as `speechocean762-dev-3.0s`."""
        with (self.root / "trials" / f"{name}.txt").open(encoding="utf-8") as lines:
            for line in lines:
                label, enrolled, probe = line.split()
                yield Trial(label == "1", enrolled, probe)

    def _decode_pack(self, pack: str) -> Waveform:
        samples, sample_rate_hz = sf.read(self.root / pack, dtype="float32")
        if sample_rate_hz != SPEECH_SAMPLE_RATE_HZ or samples.ndim != 1:
            raise ValueError(f"expected 16 kHz mono in {pack}, got {sample_rate_hz} Hz")
        samples.flags.writeable = False
        return samples


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same in every run."""
    return np.random.default_rng(20261122)


@pytest.fixture(scope="session")
def speech_data() -> SpeechData:
    """The real speech, or a skip that names the folder where it was expected."""
    root = Path(
        os.environ.get("SPEAKERSDK_SPEECH_DATA", REPOSITORY.parent / "shared" / "data")
    ).resolve()
    if (root / "manifest.jsonl").is_file():
        return SpeechData(root)
    reason = f"no speech corpora in {root}; point SPEAKERSDK_SPEECH_DATA at them"
    if os.environ.get("SPEAKERSDK_REQUIRE_SPEECH") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def default_model() -> Path:
    """The ONNX file of the model that the package ships."""
    from speakersdk.models import default_model_path

    return default_model_path()


@pytest.fixture(scope="session")
def demo_clips() -> Path:
    """Folder of the synthetic demonstration clips that the package ships."""
    import speakersdk

    return Path(speakersdk.__file__).parent / "demo_clips"
