"""The bank: whose samples lie where, and that speech labels lie with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch

from speakersdk.errors import UnreadableAudioError
from speakersdk_training.data.audio_bank import load_bank
from speakersdk_training.data.corpus import Utterance, read_corpus
from speakersdk_training.errors import TrainingError

CPU = torch.device("cpu")


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A file of 2,000 samples whose value is their place: sample i is i / 32768."""
    path = tmp_path / "pack.wav"
    sf.write(path, np.arange(2000, dtype=np.int16), 16000)
    return path


def utterance(path: Path, speaker: str, start: int = 0, length: int | None = None) -> Utterance:
    return Utterance(corpus="c", speaker=f"c/{speaker}", path=path, start=start, num_samples=length)


def test_every_speaker_has_the_samples_of_its_utterances(pack: Path) -> None:
    bank = load_bank(
        [
            utterance(pack, "b", 0, 320),
            utterance(pack, "a", 500, 330),  # cut to 320
            utterance(pack, "b", 1000, 160),
            utterance(pack, "c", 1680),  # to the end: 320
        ],
        device=CPU,
    )
    assert bank.speakers == ("c/a", "c/b", "c/c")
    assert bank.length.tolist() == [320, 480, 320]
    assert bank.first.tolist() == [0, 320, 800]
    assert bank.begins.tolist() == [0, 320, 640, 800]
    assert bank.samples.dtype == torch.int16
    assert bank.speech is None
    assert bank.device == CPU
    places = [*range(500, 820), *range(320), *range(1000, 1160), *range(1680, 2000)]
    # i / 32768 of full scale, held as a share of 32767: at most one below i.
    assert (torch.tensor(places) - bank.samples).abs().max() <= 1


def test_labels_lie_with_their_samples(pack: Path, tmp_path: Path) -> None:
    labels = {"pack.wav": np.arange(13, dtype=np.uint8)}  # ceil(2000 / 160)
    bank = load_bank(
        [
            utterance(pack, "a", 320, 480),
            utterance(pack, "b", 1600),  # 400 samples: two whole labels
            utterance(pack, "a", 0, 160),
            utterance(pack, "b", 250, 320),  # begins inside a label
        ],
        device=CPU,
        labels=labels,
        root=tmp_path,
    )
    assert bank.speech is not None
    assert bank.speech.tolist() == [2, 3, 4, 0, 10, 11, 1, 2]
    assert len(bank.samples) == 160 * len(bank.speech)


def test_an_utterance_beyond_its_file_is_cut(pack: Path) -> None:
    """The last utterance of a pack may decode a few samples short."""
    bank = load_bank(
        [utterance(pack, "a", 1600, 1000), utterance(pack, "b", 3000, 1000)], device=CPU
    )
    assert bank.length.tolist() == [320, 0]


def test_a_file_without_labels_is_named(pack: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no speech labels for pack\.wav"):
        load_bank([utterance(pack, "a")], device=CPU, labels={}, root=tmp_path)


def test_nothing_to_load() -> None:
    with pytest.raises(TrainingError, match="at least one utterance to train on, got none"):
        load_bank([], device=CPU)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(b"not audio")
    with pytest.raises(UnreadableAudioError, match=r"broken\.wav"):
        load_bank([utterance(path, "a")], device=CPU)


def test_a_folder_of_recordings(voices_root: Path) -> None:
    bank = load_bank(read_corpus("folders", voices_root), device=CPU, num_workers=1)
    assert bank.speakers == tuple(f"voices/s{number}" for number in range(4))
    assert bank.length.tolist() == [3 * 16000] * 4
    first = sf.read(voices_root / "s2" / "1.wav", dtype="int16")[0]
    start = int(bank.first[2]) + 16000
    held: Any = bank.samples[start : start + 16000].numpy()
    assert np.abs(held.astype(int) - first).max() <= 1


def test_a_cache_saves_decoding_and_notices_another_file(tmp_path: Path) -> None:
    audio, cache = tmp_path / "a.wav", tmp_path / "cache"
    utterance = Utterance(corpus="c", speaker="c/1", path=audio)

    def load() -> torch.Tensor:
        return load_bank([utterance], device=torch.device("cpu"), cache=cache).samples

    sf.write(audio, np.full(1600, 0.25), 16000)
    first = load()
    assert len(list(cache.iterdir())) == 1
    kept = next(cache.iterdir())
    np.save(kept, np.load(kept) + 1)  # what the cache holds is what is used
    assert torch.equal(load(), first + 1)
    sf.write(audio, np.full(3200, 0.25), 16000)
    assert len(load()) == 3200
