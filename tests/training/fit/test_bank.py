"""What a data configuration becomes: utterances, bank, noise and rooms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from speakersdk_training.config import CorpusConfig, DataConfig
from speakersdk_training.errors import TrainingError
from speakersdk_training.fit.bank import read_bank, read_noise, read_rooms, read_utterances

CPU = torch.device("cpu")


@pytest.fixture
def packs(tmp_path: Path) -> Path:
    """A corpus of packs with splits; the pack itself does not exist."""
    rows = [
        {
            "corpus": "p",
            "speaker": f"p/{speaker}",
            "split": "dev" if speaker == 3 else "train",
            "pack": "0.opus",
            "start": 0,
            "num_samples": 160,
        }
        for speaker in range(4)
        for _ in range(2)
    ]
    root = tmp_path / "packs"
    root.mkdir()
    (root / "manifest.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return root


def speakers(*corpora: CorpusConfig, max_speakers: int = 0) -> list[str]:
    config = DataConfig(corpora=corpora, max_speakers=max_speakers)
    return list(dict.fromkeys(each.speaker for each in read_utterances(config)))


def test_corpora_are_joined_and_splits_kept_apart(packs: Path, voices_root: Path) -> None:
    folders = CorpusConfig(root=str(voices_root))
    train = CorpusConfig(root=str(packs), layout="packs", split="train")
    voices = [f"voices/s{number}" for number in range(4)]
    assert speakers(train, folders) == ["p/0", "p/1", "p/2", *voices]
    dev = CorpusConfig(root=str(packs), layout="packs", split="dev")
    assert speakers(dev) == ["p/3"]
    with pytest.raises(TrainingError, match="has no utterances of split 'test'"):
        speakers(CorpusConfig(root=str(packs), layout="packs", split="test"))


def test_held_out_speakers_are_left_out(voices_root: Path) -> None:
    # sha256 of voices/s0 to voices/s3 begins with cb, cb, e6 and 0d: .79, .79, .90 and .05.
    corpus = CorpusConfig(root=str(voices_root), held_out=0.5)
    assert speakers(corpus) == ["voices/s0", "voices/s1", "voices/s2"]
    corpus = CorpusConfig(root=str(voices_root), held_out=0.85)
    assert speakers(corpus) == ["voices/s2"]


def test_small_runs_include_every_corpus(packs: Path, voices_root: Path) -> None:
    corpora = (CorpusConfig(root=str(packs), layout="packs"), CorpusConfig(root=str(voices_root)))
    assert speakers(*corpora, max_speakers=4) == ["p/0", "p/2", "voices/s0", "voices/s2"]
    assert len(speakers(*corpora, max_speakers=3)) == 3
    assert len(speakers(*corpora, max_speakers=100)) == 8


def test_bank_with_labels(voices_root: Path, tmp_path: Path) -> None:
    corpus = CorpusConfig(root=str(voices_root))
    assert read_bank(DataConfig(corpora=(corpus,)), device=CPU).speech is None
    tracks = {
        f"s{speaker}/{take}.wav": np.full(100, 10 * speaker + take, np.uint8)
        for speaker in range(4)
        for take in range(3)
    }
    path = tmp_path / "labels.npz"
    np.savez_compressed(path, **tracks)  # type: ignore[arg-type]
    config = DataConfig(corpora=(corpus,), speech_labels=str(path))
    bank = read_bank(config, device=CPU)
    assert bank.speech is not None
    assert bank.speech[::100].tolist() == [0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32]


def test_labels_belong_to_one_corpus(packs: Path, voices_root: Path, tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "labels.npz")
    corpora = (CorpusConfig(root=str(packs), layout="packs"), CorpusConfig(root=str(voices_root)))
    config = DataConfig(corpora=corpora, speech_labels=str(tmp_path / "labels.npz"))
    with pytest.raises(TrainingError, match="labels belong to one corpus folder"):
        read_bank(config, device=CPU)


def test_noise_recordings_are_joined_at_one_level(tmp_path: Path, rng: np.random.Generator) -> None:
    for name, level in (("a.wav", 0.01), ("b.flac", 0.2)):
        sf.write(tmp_path / name, level * rng.standard_normal(4000), 16000)
    (tmp_path / "README.md").write_text("where it comes from")
    noise = read_noise(str(tmp_path))
    assert noise.shape == (8000,)
    levels = noise.reshape(2, -1).square().mean(dim=1)
    torch.testing.assert_close(levels, torch.ones(2), rtol=1e-5, atol=0)


def test_rooms_stay_apart(tmp_path: Path) -> None:
    for name, length in (("a.wav", 50), ("b.wav", 70)):
        sf.write(tmp_path / name, np.full(length, 0.5), 16000)
    assert [response.shape for response in read_rooms(str(tmp_path))] == [(50,), (70,)]


def test_without_folders_there_is_neither() -> None:
    assert read_noise("").shape == (0,)
    assert read_rooms("") == []


def test_folders_without_use_are_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"expected audio files in .*, found none"):
        read_noise(str(tmp_path))
    sf.write(tmp_path / "quiet.wav", np.zeros(100), 16000)
    for read in (read_noise, read_rooms):
        with pytest.raises(TrainingError, match=r"quiet\.wav is silent"):
            read(str(tmp_path))


def test_a_corpus_is_left_out(tmp_path: Path) -> None:
    rows = [
        {"corpus": c, "speaker": f"{c}/1", "split": "train", "pack": "p.wav", "start": 0,
         "num_samples": 16000}
        for c in ("a", "b", "c")
    ]  # fmt: skip
    (tmp_path / "manifest.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    corpus = {"root": str(tmp_path), "layout": "packs", "leave_out": ("b",)}
    config = DataConfig(corpora=(CorpusConfig(**corpus),))
    assert [each.corpus for each in read_utterances(config)] == ["a", "c"]
    unknown = DataConfig(corpora=(CorpusConfig(**{**corpus, "leave_out": ("b", "z")}),))
    with pytest.raises(TrainingError, match=r"leave_out names z, which are not in "):
        read_utterances(unknown)
